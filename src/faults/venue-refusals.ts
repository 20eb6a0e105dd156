/** What the venues answer when they are in trouble, in their own words: the faulty exchange sends it in place of an answer. Pure. */

import type { Venue } from '../model/instrument.ts'
import { banMs, ipBanned, maxWeight, overWeight } from '../venues/simulated/binance/weight.ts'
import type { FaceAnswer } from '../venues/simulated/face.ts'
import { blocked, minBlockMs, overLimit } from '../venues/simulated/upbit/rate-limit.ts'

const json = { 'content-type': 'application/json;charset=UTF-8' }
const text = { 'content-type': 'text/plain' }
const html = { 'content-type': 'text/html' }

const binanceHeaders = { ...json, 'x-mbx-used-weight-1m': String(maxWeight + 1) }

/** An assumption for both: what is documented of maintenance is announced on the venues' pages, not in answers. */
export const inMaintenance: FaceAnswer = { status: 503, headers: text, body: 'Service Unavailable: maintenance' }

/** Upbit's envelope is documented, its words are an assumption; Binance's front answers for a server that does not. */
export const serverErrors: Readonly<Record<Venue, FaceAnswer>> = {
  upbit: { status: 500, headers: json, body: '{"error":{"name":500,"message":"Internal server error"}}' },
  binance: { status: 502, headers: html, body: '<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>' },
}

/** Documented: whether the request was executed is unknown. */
export const binanceTimeout: FaceAnswer = {
  status: 504,
  headers: json,
  body: '{"code":-1007,"msg":"Timeout waiting for response from backend server. Send status unknown; execution status unknown."}',
}

/** 429, as the venue answers it where it means it. */
export function rateLimited(venue: Venue, target: string, nowMs: number): FaceAnswer {
  return venue === 'upbit' ? overLimit(upbitHeaders(target), 'json') : overWeight(binanceHeaders, nowMs)
}

/** 418, for the shortest time that the venue shuts an address out. */
export function banned(venue: Venue, target: string, nowMs: number): FaceAnswer {
  return venue === 'upbit' ? blocked(upbitHeaders(target), 'json', minBlockMs) : ipBanned(binanceHeaders, nowMs + banMs, nowMs)
}

function upbitHeaders(target: string): Record<string, string> {
  const group = /^\/v1\/(market|orderbook|ticker|trade)/.exec(target)?.[1] ?? 'default'
  return { ...json, 'remaining-req': `group=${group}; min=600; sec=0` }
}

/** Each with status 200: no body, a page, JSON that says nothing, and JSON whose values are of the wrong types. */
export const malformedBodies: readonly string[] = [
  '',
  '<html><head><title>Checking your browser</title></head><body></body></html>',
  'null',
  '{"ok":true}',
  '[{"market":0,"symbol":[],"timestamp":"soon","orderbook_units":{}}]',
  '{"lastUpdateId":"1","bids":{},"asks":[[]],"serverTime":null}',
]
