/** Measures the analyzer against jq on the same question over a log of its own making; bench/bench.ts calls it. */

import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from '../src/base/assert.ts'
import { type Prng, SeededPrng } from '../src/base/prng.ts'

export interface AnalyzerMeasurement {
  bytes: number
  longhaulMs: number
  /** Null where there is no jq. */
  jqMs: number | null
  ratio: number | null
  /** Of the process that analyzes, at its peak. */
  peakRssBytes: number
}

const startMs = Date.UTC(2026, 0, 5)
const symbols = ['KRW-BTC', 'KRW-ETH', 'BTCUSDT', 'ETHUSDT']

/** Entries, exits, realised totals and errors by symbol; errors by kind; mean and maximum of the loop period. */
const jqProgram = `
reduce inputs as $e ({entries: {}, exits: {}, realised: {}, errors: {}, count: 0, sum: 0, max: 0};
  if $e.event == "loops" then
    reduce ($e.periodsMs[] | select(. != null)) as $p (.; .count += 1 | .sum += $p | if $p > .max then .max = $p else . end)
  elif $e.event == "entry" then .entries[$e.symbol] += 1
  elif $e.event == "exit" then .exits[$e.symbol] += 1 | .realised[$e.symbol] += ($e.realised.totalKrw | tonumber)
  elif $e.event == "entry-failed" then .realised[$e.symbol] += ($e.realised.totalKrw | tonumber)
  else . end
  | if $e.level == "error" then .errors[$e.event] += 1 else . end)
| {entries, exits, realised, errors, mean: (.sum / .count), max}`

const analyzerProgram = `
import { analyzeLogs } from ${JSON.stringify(new URL('../src/analyzer/longrun-analyzer.ts', import.meta.url).href)}
const analysis = await analyzeLogs({ applicationLog: process.argv[1] })
const bySymbol = (pick) => Object.fromEntries(analysis.symbols.map((figures) => [figures.symbol, pick(figures)]))
process.stdout.write(JSON.stringify({
  entries: bySymbol((figures) => figures.entries),
  exits: bySymbol((figures) => figures.exits),
  realised: bySymbol((figures) => Number(figures.profit.totalKrw)),
  errors: analysis.errorsByKind,
  mean: analysis.loopPeriodMs.mean,
  max: analysis.loopPeriodMs.max,
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
}))`

/** `bytes` of log are written to a temporary folder and removed again. Throws where the two programs do not agree. */
export async function measureAnalyzer(bytes: number): Promise<AnalyzerMeasurement> {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-bench-'))
  try {
    const file = join(folder, 'all.log')
    writeLog(file, bytes)
    const ours = await run(process.execPath, ['--input-type=module', '--eval', analyzerProgram, file])
    assert(ours, 'node is not where it was')
    const theirs = await run('jq', ['-n', jqProgram, file])
    const { peakRssBytes, ...answer } = JSON.parse(ours.output) as Answer & { peakRssBytes: number }
    if (theirs) assertAgree(answer, JSON.parse(theirs.output) as Answer)
    const jqMs = theirs?.tookMs ?? null
    return { bytes, longhaulMs: ours.tookMs, jqMs, ratio: jqMs === null ? null : jqMs / ours.tookMs, peakRssBytes }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Answer {
  entries: Record<string, number>
  exits: Record<string, number>
  realised: Record<string, number>
  errors: Record<string, number>
  mean: number
  max: number
}

/** jq adds in doubles, we in exact decimals: sums agree to the last digits of a double. */
function assertAgree(ours: Answer, theirs: Answer): void {
  for (const key of ['entries', 'exits', 'errors'] as const) {
    assert(JSON.stringify(sorted(ours[key])) === JSON.stringify(sorted(theirs[key])), `jq counts other ${key}`)
  }
  for (const symbol of symbols) {
    const difference = Math.abs((ours.realised[symbol] ?? NaN) - (theirs.realised[symbol] ?? NaN))
    assert(difference < 0.01, `jq sums ${symbol} to ${theirs.realised[symbol]}, we to ${ours.realised[symbol]}`)
  }
  assert(Math.abs(ours.mean - theirs.mean) < 1e-6 && ours.max === theirs.max, `jq finds another period, ${theirs.mean} and ${theirs.max}`)
}

function sorted(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).toSorted(([left], [right]) => left.localeCompare(right))
}

/** Null where there is no such program. */
function run(command: string, args: readonly string[]): Promise<{ output: string; tookMs: number } | null> {
  const startedAt = performance.now()
  return new Promise((done, failed) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.on('error', (error) => {
      if ('code' in error && error.code === 'ENOENT') done(null)
      else failed(error)
    })
    child.on('close', (code) => {
      if (code === 0) done({ output, tookMs: performance.now() - startedAt })
      else failed(new Error(`${command} ended with ${code}`))
    })
  })
}

/** As a run of four symbols writes it, all three logs in one: a loops line a second, a trade a minute, an error now and then. */
function writeLog(file: string, bytes: number): void {
  const prng = new SeededPrng(62)
  const descriptor = openSync(file, 'w')
  let written = 0
  for (let second = 1; written < bytes;) {
    let text = ''
    while (text.length < 2 ** 20) text += linesOf(second, startMs + 1000 * second++, prng)
    written += writeSync(descriptor, text)
  }
  closeSync(descriptor)
}

function linesOf(second: number, time: number, prng: Prng): string {
  const symbol = symbols[second % symbols.length] ?? ''
  const lines: object[] = [loopsLine(second, time, prng)]
  if (second % 60 === 0) lines.push(...tradeLines(second, time, symbols[(second / 60) % symbols.length] ?? '', prng))
  if (second % 60 === 1) lines.push(processLine(time, prng))
  if (second % 997 === 0) lines.push({ level: 'error', time, event: 'symbol-failed', symbol, message: 'none', stack: 'Error: none' })
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

function loopsLine(second: number, time: number, prng: Prng): object {
  return {
    level: 'info',
    time,
    event: 'loops',
    firstLoop: second,
    loopCount: 1,
    periodsMs: [second === 1 ? null : 1000 + Math.floor(prng.next() * 3)],
    loopTimesMs: [40 + Math.floor(prng.next() * 60)],
    overruns: 0,
    missingSnapshots: 0,
    staleSymbols: 0,
    openTrades: second % 3,
    blockedSymbols: 0,
    intents: 0,
    busySymbols: 0,
    quotes: symbols.map((symbol, index) => quote(symbol, index < 2, prng)),
  }
}

function quote(symbol: string, isKrw: boolean, prng: Prng): object {
  const bidB = (symbol.includes('BTC') ? 9_500_000 : 310_000) + Math.floor(prng.next() * 10_000)
  const fx = isKrw ? 1462 + Math.floor(prng.next() * 10) / 2 : 1
  const tickA = isKrw ? 1000 : 0.01
  const ticksA = Math.round(((bidB / 100) * fx * (1 + 0.001 * prng.gaussian())) / tickA)
  const [bidA, askA] = [Number((ticksA * tickA).toFixed(2)), Number(((ticksA + 2) * tickA).toFixed(2))]
  return { symbol, bidA, askA, bidB: bidB / 100, askB: (bidB + 1) / 100, fx, quoteAgeMs: 20 + Math.floor(prng.next() * 80) }
}

function processLine(time: number, prng: Prng): object {
  const [rssBytes, heapUsedBytes, heapAfterGcBytes] = [9e7, 3e7, 2e7 + Math.floor(prng.next() * 1e5)]
  const loop = { openHandles: 6, loopCpuMeanMs: 0.08, loopCpuP99Ms: 0.2 }
  return { level: 'info', time, event: 'process', rssBytes, heapUsedBytes, heapAfterGcBytes, eventLoopDelayP99Ms: null, ...loop }
}

function tradeLines(second: number, time: number, symbol: string, prng: Prng): object[] {
  const seq = second
  const [tradeId, totalKrw] = [`T${second}`, (1000 * prng.gaussian()).toFixed(8)]
  const order = { orderId: `O${second}`, tradeId, symbol, leg: 'a', purpose: 'entry', venue: 'upbit', instrument: 'KRW-BTC', side: 'sell' }
  const trade = { tradeId, symbol, direction: 'sell-a' }
  const realised = { edgeKrw: totalKrw, feesKrw: '0', fxKrw: '0', totalKrw }
  const book = { exchangeTimeMs: time, changedAtMs: time, receivedAtMs: time, bestBid: '139000000', bestAsk: '139002000' }
  const levels = [{ price: '139000000', quantity: '0.01', displayedSize: '0.4' }]
  const fill = { quantity: '0.01', notional: '1390000', feeAsset: 'KRW', fee: '695', fxKrwPerUsdt: 1462.5, levels, book }
  const lines = [
    { event: 'order-sent', seq, ...order, quantity: '0.01', limitPrice: '138950000' },
    { event: 'order-filled', seq, ...order, ...fill },
    { event: 'order-done', seq, ...order, status: 'filled', filledQuantity: '0.01', reason: null },
    { event: 'entry', seq, ...trade, quantity: '0.01', notionalKrw: '1390000', grossEdgeBps: 40, netEdgeBps: 25, fxKrwPerUsdt: 1462.5 },
    { event: 'exit', seq, ...trade, reason: 'take-profit', holdingMs: 9000, netEdgeBps: 20, fxKrwPerUsdt: 1462.5, realised },
  ]
  return lines.map((line) => ({ level: 'info', time, ...line }))
}
