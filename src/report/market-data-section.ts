/** What the report says of the feeds: where quotes came from, what they cost and lost, and how long they waited. Pure text. */

import type { Analysis, FeedFigures } from '../analyzer/analysis.ts'
import type { FeedSource } from '../model/event.ts'
import { formatCount, formatNumber, formatPercent, markdownTable } from './format.ts'

const sourceInWords: Record<FeedSource, string> = {
  orderbook: 'REST: the order books of many instruments in one request',
  depth: 'REST: one order book a request',
  'book-ticker': 'REST: best bid and ask of many instruments in one request, since their order books do not fit the weight limit',
  'orderbook-stream': 'stream of whole order books',
  'depth-stream': 'stream of changes to order books, each begun from one by REST',
}

export function marketData({ feeds }: Analysis): string | null {
  if (feeds.length === 0) return null
  const asked = ['requests', 'held back', '429', '418', 'most of the limit']
  const streamed = ['frames', 'connects', 'reconnects', 'gaps', 'resyncs', 'confirmations', 'dropped']
  const header = ['venue', 'quotes', ...asked, ...streamed, 'clock ahead of ours']
  return `## Market data\n\n${markdownTable(header, feeds.map(feedRow))}`
}

function feedRow(feed: FeedFigures): string[] {
  const { requests, heldBack, rateLimited, bans, frames, connects, reconnects, gaps, resyncs, confirmations, dropped } = feed
  const isStream = feed.source.endsWith('-stream')
  return [
    feed.venue,
    sourceInWords[feed.source],
    ...[requests, heldBack, rateLimited, bans].map(formatCount),
    formatPercent(feed.usedShareMax, 1),
    ...[frames, connects, reconnects, gaps, resyncs, confirmations, dropped].map((count) => (isStream ? formatCount(count) : '-')),
    clockText(feed),
  ]
}

function clockText({ clockOffsetMs, clockErrorMs }: FeedFigures): string {
  if (clockOffsetMs === null) return 'not known'
  return `${formatNumber(clockOffsetMs)}${clockErrorMs === null ? '' : ` ± ${formatNumber(clockErrorMs)}`} ms`
}

export function quoteToDecision({ latency }: Analysis): string | null {
  if (latency === null) return null
  const { count, p50Us, p99Us, p999Us, maxUs, queueDepthMax, lagMaxUs, coalesced } = latency
  const header = ['decisions', 'p50', 'p99', 'p99.9', 'max', 'longest wait to be looked at', 'most symbols waiting', 'quotes coalesced']
  const row = [
    formatCount(count),
    ...[p50Us, p99Us, p999Us, maxUs, lagMaxUs].map((us) => `${formatNumber(us / 1000)} ms`),
    ...[queueDepthMax, coalesced].map(formatCount),
  ]
  const intro = `From the arrival of a symbol’s newest quote to the decision on it, each quote counted once; percentiles are at
most 1.6 % too high. A quote is coalesced with the one before it where its symbol is waiting already.`
  return `## Quote to decision\n\n${intro}\n\n${markdownTable(header, [row])}`
}
