/** The `loopback` and `live` sections of a campaign's YAML: at which addresses the venues are, and how our own behave. */

import { z } from 'zod'
import type { BinanceSwitches } from '../venues/simulated/binance/session.ts'
import type { UpbitSwitches } from '../venues/simulated/upbit/session.ts'

function address(protocol: RegExp, example: string) {
  return z
    .string()
    .refine((text) => isBase(text, protocol), `expected an address such as ${example}, with no path`)
    .transform((url) => url.replace(/\/$/, ''))
}

/** Paths and queries are the venue's own; keys and passwords have no place in a config. */
function isBase(text: string, expected: RegExp): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, host, href } = new URL(text)
  return expected.test(protocol) && href === `${protocol}//${host}/`
}

function endpoint(restUrl: string, streamUrl: string) {
  return z
    .strictObject({
      restUrl: address(/^https?:$/, restUrl).default(restUrl),
      streamUrl: address(/^wss?:$/, streamUrl).default(streamUrl),
    })
    .prefault({})
}

/** How our own servers do what the venues are known to do in more than one way; docs/EXECUTION_GUIDE.md lists the defaults. */
const switches = {
  upbit: z
    .strictObject({
      wire: z
        .strictObject({
          exponentNumbers: z.boolean().exactOptional(),
          hasZeroSlots: z.boolean().exactOptional(),
          rateLimitBody: z.enum(['json', 'text']).exactOptional(),
        })
        .prefault({}),
      idleCloseMs: z.int().min(1000).exactOptional(),
    })
    .prefault({}) satisfies z.ZodType<UpbitSwitches>,
  binance: z.strictObject({ cutAfterMs: z.int().min(1000).exactOptional() }).prefault({}) satisfies z.ZodType<BinanceSwitches>,
}

/** `upbitUrl`, `binanceUrl`: servers that run already (`longhaul venues`), to be used in place of some of our own; both or none. */
export const loopbackSchema = z
  .strictObject({
    upbitUrl: address(/^http:$/, 'http://127.0.0.1:8101').optional(),
    binanceUrl: address(/^http:$/, 'http://127.0.0.1:8102').optional(),
    ...switches,
  })
  .refine((servers) => (servers.upbitUrl === undefined) === (servers.binanceUrl === undefined), 'expected both addresses or none')

/** The venues' public bases (docs.upbit.com; developers.binance.com, spot). */
export const liveSchema = z.strictObject({
  upbit: endpoint('https://api.upbit.com', 'wss://api.upbit.com'),
  binance: endpoint('https://api.binance.com', 'wss://stream.binance.com:9443'),
})
