import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../base/error.ts'
import { Decimal } from '../base/decimal.ts'
import { instrumentOf, tickSizeAt } from '../model/instrument.ts'
import { tradingPlan } from './venue-rules.ts'
import { venuesSchema } from './venues-schema.ts'

const venues = venuesSchema.parse({})

test('the symbols of S3 become routes, and their instruments with the FX book', () => {
  const plan = tradingPlan(['KRW-BTC', 'KRW-ETH', 'BTCUSDT', 'ETHUSDT'], venues)
  expect(plan.routes.map(({ symbol, a, b }) => `${symbol}: ${a.venue} ${a.code}, ${b.venue} ${b.code}`)).toEqual([
    'KRW-BTC: upbit KRW-BTC, binance BTCUSDT',
    'KRW-ETH: upbit KRW-ETH, binance ETHUSDT',
    'BTCUSDT: binance BTCUSDT, upbit USDT-BTC',
    'ETHUSDT: binance ETHUSDT, upbit USDT-ETH',
  ])
  const rows = plan.instruments.map((i) => [i.venue, i.code, i.base, i.quote, i.feeAsset, i.lotSize, i.minNotional, i.takerFee].join(' '))
  expect(rows).toMatchInlineSnapshot(`
    [
      "upbit KRW-BTC BTC KRW quote 0.00000001 5000 0.0005",
      "binance BTCUSDT BTC USDT received 0.00001 5 0.001",
      "upbit KRW-ETH ETH KRW quote 0.00000001 5000 0.0005",
      "binance ETHUSDT ETH USDT received 0.0001 5 0.001",
      "upbit USDT-BTC BTC USDT quote 0.00000001 0.5 0.0025",
      "upbit USDT-ETH ETH USDT quote 0.00000001 0.5 0.0025",
      "upbit KRW-USDT USDT KRW quote 0.00000001 5000 0.0005",
    ]
  `)
})

describe('ticks', () => {
  const { instruments } = tradingPlan(['KRW-BTC', 'BTCUSDT', 'KRW-XRP'], venues)
  const tickOf = (code: string, price: string) => {
    const facts = instruments.find((instrument) => instrument.code === code)
    return facts && tickSizeAt(instrumentOf(facts), Decimal.parse(price)).toString()
  }

  test.for<[string, string, string]>([
    ['KRW-BTC', '116233000', '1000'],
    ['KRW-BTC', '1000000', '1000'],
    ['KRW-BTC', '999999', '500'],
    ['KRW-BTC', '100000', '100'],
    ['KRW-BTC', '50000', '50'],
    ['KRW-BTC', '49990', '10'],
    ['KRW-BTC', '5000', '5'],
    ['KRW-BTC', '4999', '1'],
    ['KRW-BTC', '100', '1'],
    ['KRW-BTC', '99.9', '0.1'],
    ['KRW-BTC', '1', '0.01'],
    ['KRW-BTC', '0.5', '0.001'],
    ['KRW-BTC', '0.00001', '0.0000001'],
    ['KRW-BTC', '0.000005', '0.00000001'],
    ['USDT-BTC', '81234.56', '0.01'],
    ['USDT-BTC', '9.999', '0.001'],
    ['USDT-BTC', '0.00005', '0.00000001'],
    ['BTCUSDT', '81201.13', '0.01'],
    ['XRPUSDT', '2.1234', '0.0001'],
  ])('%s at %s moves by %s', ([code, price, tick]) => {
    expect(tickOf(code, price)).toBe(tick)
  })

  test('bands fall, each tick divides the price at which its band begins, and the last begins at 0', () => {
    for (const { tickBands } of instruments) {
      expect(tickBands.at(-1)?.fromPrice).toBe('0')
      tickBands.forEach((band, i) => {
        const [from, tick] = [Decimal.parse(band.fromPrice), Decimal.parse(band.tickSize)]
        expect(from.roundToMultiple(tick, 'down').equals(from)).toBe(true)
        const above = tickBands[i - 1]
        if (above === undefined) return
        expect(from.isLessThan(Decimal.parse(above.fromPrice))).toBe(true)
        expect(tick.isGreaterThan(Decimal.parse(above.tickSize))).toBe(false)
      })
    }
  })
})

test('what the config says of an instrument takes the place of the rule', () => {
  const own = { tick: '0.05', lot: '0.5', minNotional: '10', takerFee: '0', base: 'SOL', quote: 'USDT' }
  const { instruments } = tradingPlan(['KRW-SOL'], venuesSchema.parse({ instruments: { 'binance:SOLUSDT': own } }))
  expect(instruments.find((instrument) => instrument.venue === 'binance')).toEqual({
    venue: 'binance',
    code: 'SOLUSDT',
    base: 'SOL',
    quote: 'USDT',
    feeAsset: 'received',
    tickBands: [{ fromPrice: '0', tickSize: '0.05' }],
    lotSize: '0.5',
    minNotional: '10',
    takerFee: '0',
  })
})

test('a symbol outside the naming rule is routed by the config', () => {
  const route = { a: { venue: 'upbit', code: 'KRW-NEW' }, b: { venue: 'binance', code: 'OLDUSDT' } }
  const settings = venuesSchema.parse({ routes: { RENAMED: route }, instruments: { 'binance:OLDUSDT': { base: 'NEW' } } })
  expect(tradingPlan(['RENAMED'], settings).routes).toEqual([{ symbol: 'RENAMED', ...route }])
})

describe('a symbol without a route is refused', () => {
  const upbit = (code: string) => ({ venue: 'upbit', code })
  const binance = (code: string) => ({ venue: 'binance', code })
  const routed = (a: object, b: object) => ({ routes: { X: { a, b } } })
  test.for<[string, string, unknown, string]>([
    ['a name of neither kind', 'BTC-ETH', {}, 'symbol BTC-ETH has no route: it is neither KRW-X nor XUSDT'],
    ['the FX book itself', 'KRW-USDT', {}, 'symbol KRW-USDT has no route: it is neither KRW-X nor XUSDT'],
    ['a bare quote currency', 'USDT', {}, 'symbol USDT has no route: it is neither KRW-X nor XUSDT'],
    ['one venue twice', 'X', routed(upbit('KRW-BTC'), upbit('USDT-BTC')), 'symbol X has no route: both legs are on upbit'],
    ['two assets', 'X', routed(upbit('KRW-BTC'), binance('ETHUSDT')), 'symbol X has no route: its legs trade BTC and ETH'],
    ['legs swapped', 'X', routed(binance('BTCUSDT'), upbit('KRW-BTC')), 'symbol X has no route: leg B is quoted in KRW, not USDT'],
    ['a quote that is not ours', 'X', routed(upbit('BTC-ETH'), binance('ETHUSDT')), 'BTC is no quote currency here'],
    ['a code without a quote', 'X', routed(upbit('KRW-BTC'), binance('BTCEUR')), 'does not tell base and quote'],
  ])('%s', ([, symbol, settings, message]) => {
    const plan = () => tradingPlan([symbol], venuesSchema.parse(settings))
    expect(plan).toThrow(message)
    expect(plan).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

describe('opening balances', () => {
  const balancesOf = (symbols: string[], settings: unknown) =>
    tradingPlan(symbols, venuesSchema.parse(settings)).openingBalances.map(({ venue, asset, amount }) => `${venue} ${amount} ${asset}`)

  test('are the inventory, and the other base asset on both venues', () => {
    expect(balancesOf(['KRW-BTC', 'KRW-XRP'], {})).toEqual([
      'upbit 100000000 KRW',
      'upbit 50000 USDT',
      'upbit 2 BTC',
      'upbit 40 ETH',
      'upbit 1000000 XRP',
      'binance 150000 USDT',
      'binance 2 BTC',
      'binance 40 ETH',
      'binance 1000000 XRP',
    ])
  })

  test('that the config leaves out keep their default', () => {
    const balances = balancesOf(['KRW-BTC'], { inventory: { upbit: { KRW: '7', XRP: '8' }, otherBase: '9' } })
    expect(balances.slice(0, 5)).toEqual(['upbit 7 KRW', 'upbit 50000 USDT', 'upbit 2 BTC', 'upbit 40 ETH', 'upbit 8 XRP'])
  })
})

test('any symbol either gets two legs of one base on two venues, or is refused with a hint', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^(KRW-|BTC-)?[A-Z0-9]{1,8}(USDT)?$/), (symbol) => {
      try {
        const { routes, instruments } = tradingPlan([symbol], venues)
        const bases = routes.flatMap(({ a, b }) => [a, b]).map(({ code }) => instruments.find((one) => one.code === code)?.base)
        expect(new Set(bases).size).toBe(1)
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        expect([error.code, error.hint !== '']).toEqual(['CONFIG_INVALID', true])
      }
    }),
  )
})

describe('the section refuses', () => {
  test.for<[string, unknown]>([
    ['unknown keys', { depth: 5 }],
    ['more levels than Upbit gives', { depthLevels: 31 }],
    ['a latency range that is upside down', { latencyMs: { upbit: { minMs: 30 } } }],
    ['amounts that are no text', { inventory: { upbit: { KRW: 5 } } }],
    ['negative amounts', { inventory: { upbit: { KRW: '-5' } } }],
    ['a tick of 0', { instruments: { 'upbit:KRW-BTC': { tick: '0.000' } } }],
    ['an instrument without its venue', { instruments: { 'KRW-BTC': {} } }],
    ['an unknown venue', { routes: { X: { a: { venue: 'kraken', code: 'XBTUSD' }, b: { venue: 'binance', code: 'BTCUSDT' } } } }],
  ])('%s', ([, section]) => {
    expect(venuesSchema.safeParse(section).success).toBe(false)
  })

  test('nothing of what it made itself', () => {
    expect(venuesSchema.parse(venues)).toEqual(venues)
  })
})
