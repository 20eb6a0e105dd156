import { expect, test } from 'vitest'
import { skewedTimes } from './skewed-times.ts'

const at = 1_767_571_200_000

test.each([
  ['{"serverTime":1767571200000}', '{"serverTime":1767571195000}'],
  [
    '{"e":"depthUpdate","E":1767571200000,"s":"BTCUSDT","U":1,"u":1767571200000}',
    '{"e":"depthUpdate","E":1767571195000,"s":"BTCUSDT","U":1,"u":1767571200000}',
  ],
  ['{"ty":"orderbook","tms":1767571200000,"tas":1.5}', '{"ty":"orderbook","tms":1767571195000,"tas":1.5}'],
  ['[{"timestamp":1767571200000,"sequential_id":17675712000000000}]', '[{"timestamp":1767571195000,"sequential_id":17675712000000000}]'],
  ['{"lastUpdateId":1767571200000,"T":"x","time":12345}', '{"lastUpdateId":1767571200000,"T":"x","time":12345}'],
])('what a clock stamps is shifted, and no id or price: %s', (text, shifted) => {
  expect(skewedTimes(text, -5000)).toBe(shifted)
  expect(skewedTimes(skewedTimes(text, at), -at)).toBe(text)
})
