/** A row of Binance's `exchangeInfo`: what may be traded and by which rules, from the instrument's own facts. BinanceFace calls this. */

import { Decimal } from '../../../base/decimal.ts'
import { type Instrument, tickSizeAt } from '../../../model/instrument.ts'
import { decimal8 } from '../wire-number.ts'

/** The permission that all of the simulated markets have, and the only one. */
export const permission = 'SPOT'

/** What Binance's majors allow, in ticks and in lots, and its greatest notional (captures of 2021 and 2026): an assumption for others. */
const maxPriceTicks = 1e8
const maxQuantityLots = 9e8
const maxMarketQuantityLots = maxQuantityLots / 100
const maxNotional = '9000000.00000000'

/** What the simulated venue takes: no stops, no lists of orders, no amendments. */
const abilities =
  '"orderTypes":["LIMIT","LIMIT_MAKER","MARKET"],"icebergAllowed":false,"ocoAllowed":false,"otoAllowed":false,"opoAllowed":false,' +
  '"quoteOrderQtyMarketAllowed":true,"allowTrailingStop":false,"cancelReplaceAllowed":false,"amendAllowed":false,' +
  '"pegInstructionsAllowed":false,"isSpotTradingAllowed":true,"isMarginTradingAllowed":false'

const precisions = '"quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8'

/** Much the same for all markets (captures of 2021 and 2026). */
const commonFilters =
  '{"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,' +
  '"maxTrailingBelowDelta":2000},{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2",' +
  '"askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5}'
const countFilters =
  '{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"MAX_NUM_ORDER_LISTS","maxNumOrderLists":20},' +
  '{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5},{"filterType":"MAX_NUM_ORDER_AMENDS","maxNumOrderAmends":10}'

/** `price`: the market's present one, which tells the tick; Binance gives a market one tick for all prices. */
export function symbolRow(instrument: Instrument, price: number, withPermissionSets: boolean): string {
  const { code, base, quote } = instrument
  const tick = tickSizeAt(instrument, Decimal.fromNumber(price)).toNumber()
  const lot = instrument.lotSize.toNumber()
  const tickSize = decimal8(tick)
  const stepSize = decimal8(lot)
  const filters = [
    `{"filterType":"PRICE_FILTER","minPrice":"${tickSize}","maxPrice":"${decimal8(tick * maxPriceTicks)}","tickSize":"${tickSize}"}`,
    `{"filterType":"LOT_SIZE","minQty":"${stepSize}","maxQty":"${decimal8(lot * maxQuantityLots)}","stepSize":"${stepSize}"}`,
    '{"filterType":"ICEBERG_PARTS","limit":100}',
    // A step of 0 leaves it to LOT_SIZE.
    `{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"${decimal8(lot * maxMarketQuantityLots)}","stepSize":"0.00000000"}`,
    commonFilters,
    `{"filterType":"NOTIONAL","minNotional":"${decimal8(instrument.minNotional.toNumber())}","applyMinToMarket":true,` +
      `"maxNotional":"${maxNotional}","applyMaxToMarket":false,"avgPriceMins":5}`,
    countFilters,
  ]
  return (
    `{"symbol":"${code}","status":"TRADING","baseAsset":"${base}","baseAssetPrecision":8,"quoteAsset":"${quote}",${precisions},` +
    `${abilities},"filters":[${filters.join(',')}],"permissions":[],"permissionSets":[${withPermissionSets ? `["${permission}"]` : ''}],` +
    '"defaultSelfTradePreventionMode":"EXPIRE_MAKER",' +
    '"allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","EXPIRE_BOTH","DECREMENT"]}'
  )
}
