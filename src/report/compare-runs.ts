/**
 * Holds two runs of one seed against each other: trade by trade, fill by fill, quote by quote, each at its time since the run's start. A
 * run in virtual time and one over real sockets are told apart by nothing else. `longhaul compare` and the campaign specs call it.
 */

import { join } from 'node:path'
import { readLines } from '../analyzer/line-reader.ts'
import type { LogEvent, OrderFilled, SampledQuote } from '../model/event.ts'
import { markdownTable } from './format.ts'

interface TradeSeen {
  tradeId: string
  symbol: string
  direction: string
  /** Since the run's first loop, in whole loops: what happens inside a loop is not to the millisecond on a real clock. */
  openedInLoop: number
  netEdgeBps: number
  quantity: string
  closedInLoop: number | null
  exitReason: string | null
  fills: Map<string, OrderFilled>
}

export interface RunSeen {
  name: string
  trades: TradeSeen[]
  /** By loop and symbol. */
  quotes: Map<string, SampledQuote>
}

export interface Difference {
  where: string
  what: string
  left: string
  right: string
}

export interface RunComparison {
  left: string
  right: string
  /** Of each run. */
  trades: [number, number]
  /** Trades of the same symbol and direction, opened in the same order, from the first on. */
  sameTrades: number
  quotes: { compared: number; equal: number }
  /** The first fifty. */
  differences: Difference[]
  differenceCount: number
}

const maxDifferences = 50
/** The log's sampled quotes that are held against each other: 4 a second, for 14 hours. */
const maxQuotes = 200_000

/** Throws LOG_UNREADABLE. Lines that are no events of the schema are the analyzer's business. */
export async function compareRuns(leftFolder: string, rightFolder: string): Promise<RunComparison> {
  const [left, right] = await Promise.all([readRunSeen(leftFolder), readRunSeen(rightFolder)])
  return comparisonOf(left, right)
}

async function readRunSeen(runFolder: string): Promise<RunSeen> {
  const trades = new Map<string, TradeSeen>()
  const quotes = new Map<string, SampledQuote>()
  let startMs = 0
  let intervalMs = 1
  const loopOf = (timeMs: number): number => Math.floor((timeMs - startMs) / intervalMs)
  await eachEvent(join(runFolder, 'logs/application.log'), (event) => {
    if (event.event === 'engine-started' && startMs === 0) ({ startAtMs: startMs, loopIntervalMs: intervalMs } = event)
  })
  await eachEvent(join(runFolder, 'logs/trading.log'), (event) => {
    if (event.event === 'order-filled') {
      const trade = trades.get(event.tradeId) ?? newTrade(event, loopOf(event.time))
      trades.set(event.tradeId, trade)
      trade.fills.set(`leg ${event.leg}, ${event.purpose} ${trade.fills.size + 1}`, event)
    } else if (event.event === 'entry') {
      const trade = trades.get(event.tradeId)
      if (trade) Object.assign(trade, { direction: event.direction, netEdgeBps: event.netEdgeBps, quantity: event.quantity })
    } else if (event.event === 'exit') {
      const trade = trades.get(event.tradeId)
      if (trade) Object.assign(trade, { closedInLoop: loopOf(event.time), exitReason: event.reason })
    }
  })
  await eachEvent(join(runFolder, 'logs/metrics.log'), (event) => {
    if (event.event !== 'loops') return
    for (const quote of event.quotes) {
      if (quotes.size < maxQuotes) quotes.set(`loop ${loopOf(event.time) + 1}, ${quote.symbol}`, quote)
    }
  })
  return { name: runFolder, trades: [...trades.values()], quotes }
}

async function eachEvent(file: string, onEvent: (event: LogEvent) => void): Promise<void> {
  await readLines(file, (bytes, start, end) => {
    if (bytes[start] !== openBrace) return
    let event: LogEvent
    try {
      event = JSON.parse(bytes.toString('utf8', start, end)) as LogEvent
    } catch {
      // A torn last line of a killed run.
      return
    }
    onEvent(event)
  })
}

const openBrace = 0x7b

function newTrade({ tradeId, symbol }: OrderFilled, openedInLoop: number): TradeSeen {
  return {
    tradeId,
    symbol,
    direction: 'not opened',
    openedInLoop,
    netEdgeBps: NaN,
    quantity: '0',
    closedInLoop: null,
    exitReason: null,
    fills: new Map(),
  }
}

function comparisonOf(left: RunSeen, right: RunSeen): RunComparison {
  const differences: Difference[] = []
  let differenceCount = 0
  const differ = (where: string, what: string, one: unknown, other: unknown): void => {
    if (Object.is(one, other)) return
    differenceCount++
    if (differences.length < maxDifferences) differences.push({ where, what, left: String(one), right: String(other) })
  }
  const count = Math.max(left.trades.length, right.trades.length)
  let sameTrades = 0
  for (let i = 0; i < count; i++) {
    const [one, other] = [left.trades[i], right.trades[i]]
    const where = `trade ${i + 1}`
    if (isSameTrade(one, other) && sameTrades === i) sameTrades++
    differ(where, 'symbol and direction', nameOf(one), nameOf(other))
    if (one === undefined || other === undefined) continue
    differ(where, 'opened in loop', one.openedInLoop, other.openedInLoop)
    differ(where, 'quantity', one.quantity, other.quantity)
    differ(where, 'net edge in bps', one.netEdgeBps, other.netEdgeBps)
    differ(where, 'exit', one.exitReason, other.exitReason)
    differ(where, 'closed in loop', one.closedInLoop, other.closedInLoop)
    for (const name of new Set([...one.fills.keys(), ...other.fills.keys()])) {
      differ(`${where}, ${name}`, 'levels taken', levelsOf(one.fills.get(name)), levelsOf(other.fills.get(name)))
      differ(`${where}, ${name}`, 'best bid and ask', bestOf(one.fills.get(name)), bestOf(other.fills.get(name)))
    }
  }
  let compared = 0
  let equal = 0
  for (const [key, quote] of left.quotes) {
    const other = right.quotes.get(key)
    if (other === undefined) continue
    compared++
    if (priceText(quote) === priceText(other)) equal++
    else differ(key, 'quotes', priceText(quote), priceText(other))
  }
  return {
    left: left.name,
    right: right.name,
    trades: [left.trades.length, right.trades.length],
    sameTrades,
    quotes: { compared, equal },
    differences,
    differenceCount,
  }
}

function isSameTrade(left: TradeSeen | undefined, right: TradeSeen | undefined): boolean {
  return left !== undefined && right !== undefined && nameOf(left) === nameOf(right)
}

function nameOf(trade: TradeSeen | undefined): string {
  return trade === undefined ? 'no trade' : `${trade.symbol} ${trade.direction}`
}

function levelsOf(fill: OrderFilled | undefined): string {
  return fill === undefined
    ? 'no fill'
    : fill.levels.map(({ price, quantity, displayedSize }) => `${quantity} of ${displayedSize} at ${price}`).join(', ')
}

function bestOf(fill: OrderFilled | undefined): string {
  return fill === undefined ? 'no fill' : `${fill.book.bestBid} / ${fill.book.bestAsk}`
}

function priceText({ bidA, askA, bidB, askB, fx }: SampledQuote): string {
  return `A ${bidA} / ${askA}, B ${bidB} / ${askB}, FX ${fx}`
}

/** The comparison in Markdown, which is also plain enough for a terminal. */
export function comparisonText({ left, right, trades, sameTrades, quotes, differences, differenceCount }: RunComparison): string {
  const [leftTrades, rightTrades] = trades
  const isSame = leftTrades === rightTrades && sameTrades === leftTrades
  const head = [
    `left   ${left}`,
    `right  ${right}`,
    `trades ${isSame ? `the same ${leftTrades}, in the same order` : `${leftTrades} and ${rightTrades}, the first ${sameTrades} the same`}`,
    `quotes ${quotes.equal} of ${quotes.compared} sampled in both runs are equal`,
  ]
  if (differenceCount === 0) return `${head.join('\n')}\n\nNo difference.\n`
  const rows = differences.map((difference) => [difference.where, difference.what, difference.left, difference.right])
  const more = differenceCount > differences.length ? `\n\nand ${differenceCount - differences.length} more` : ''
  return `${head.join('\n')}\n\n${markdownTable(['where', 'what', 'left', 'right'], rows)}${more}\n`
}
