import { expect, test } from 'vitest'
import { HandMadeLogs, lineAt, ruleOf, rulesOf } from '../hand-made-logs.ts'

const rules = rulesOf({ noEntry: ruleOf(1, { enabled: false }) })

function findings(sockets: readonly (readonly [second: number, openSockets: number | undefined, liveSockets: number, venue?: string])[]) {
  using logs = new HandMadeLogs()
  let second = 0
  for (const [atSecond, openSockets, liveSockets, venue = 'binance'] of sockets) {
    logs.loops(second + 1, atSecond).write('metrics', [lineAt(atSecond, { event: 'feed', venue, openSockets, liveSockets, reconnects: 0 })])
    second = atSecond
  }
  return logs.loops(second + 1, 400).findingsAt(400, { rules })
}

test('sockets that the feed does not know of, for a window, are an error that stops the run, once', () => {
  expect(
    findings([
      [60, 1, 1],
      [120, 2, 1],
      [180, 3, 1],
      [240, 4, 1],
    ]),
  ).toEqual(['live-sockets all forgotten sockets @180 error aborts'])
})

test('each venue is judged by itself, and again when it had been in order', () => {
  expect(
    findings([
      [60, 2, 1, 'upbit'],
      [61, 2, 1],
      [120, 2, 1, 'upbit'],
      [121, 1, 1],
      [180, 1, 1, 'upbit'],
      [240, 2, 1, 'upbit'],
      [300, 2, 1, 'upbit'],
    ]),
  ).toEqual(['live-sockets all forgotten sockets @120 error aborts', 'live-sockets all forgotten sockets @300 error aborts'])
})

test.each([
  ['as many as the feed knows of', [60, 120, 180].map((second) => [second, 2, 2] as const)],
  ['fewer: one is just being lost', [60, 120, 180].map((second) => [second, 0, 1] as const)],
  ['one too many at a single line', [[60, 1, 1] as const, [120, 2, 1] as const, [180, 1, 1] as const]],
  ['an engine that does not count them', [60, 120, 180].map((second) => [second, undefined, 1] as const)],
])('%s: no finding', (_, sockets) => {
  expect(findings(sockets)).toEqual([])
})
