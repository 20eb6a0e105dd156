/** A venue for clients to be timed against: Upbit's REST interface over a market that stands still. bench/rest-client.ts forks it. */

import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import { assert } from '../src/base/assert.ts'
import { SeededPrng } from '../src/base/prng.ts'
import { ScriptedMarket } from '../src/market/scripted-market.ts'
import { UpbitFace } from '../src/venues/simulated/upbit/face.ts'

interface Answer {
  headers: Record<string, string>
  zipped: Buffer
}

/** As many as the venue ever gives. */
const levelCount = 30
const changedAtMs = Date.UTC(2026, 0, 5)

const codes = process.argv.slice(2)
const prng = new SeededPrng(62)
const market = new ScriptedMarket()
codes.forEach((code, index) => {
  // Prices of three to nine digits, as on Upbit, and sizes with eight decimals.
  const tick = 10 ** ((index % 7) - 2)
  const bids: number[] = []
  const asks: number[] = []
  for (let i = 0; i < levelCount; i++) {
    bids.push(Number(((50_000 - i) * tick).toFixed(2)), Number(prng.next().toFixed(8)))
    asks.push(Number(((50_001 + i) * tick).toFixed(2)), Number(prng.next().toFixed(8)))
  }
  market.set('upbit', code, { bids, asks, changedAtMs, updateId: 1 })
})
const face = new UpbitFace({ market, listedCodes: codes })
/** By target, written and zipped once: a server at work would slow down the client that shares a core with it. */
const answers = new Map<string, Answer>()

function answerTo(target: string): Answer {
  const known = answers.get(target)
  if (known !== undefined) return known
  // A second from one to the next, so that the limit of ten a second never shows.
  const { status, headers, body } = face.answer(target, changedAtMs + answers.size * 1000)
  assert(status === 200, `${target} is answered ${status}: ${body}`)
  const zipped = gzipSync(body)
  const answer = { headers: { ...headers, 'content-encoding': 'gzip', 'content-length': String(zipped.length) }, zipped }
  answers.set(target, answer)
  return answer
}

// Both clients ask for gzip, and the venue's documentation says that they get it.
const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const { headers, zipped } = answerTo(request.url ?? '/')
  response.writeHead(200, headers).end(zipped)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  assert(typeof address === 'object' && address !== null, 'a server that listens has an address')
  process.send?.(address.port)
})
process.on('disconnect', () => process.exit())
