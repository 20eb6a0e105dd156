/** Rule `log-volume`: the logs grow by more bytes a second of event time than a long run can keep. For the monitor. */

import type { LogEvent } from '../../model/event.ts'
import type { RawLine } from '../log-line.ts'
import type { Rule, RuleContext } from '../rule.ts'

/**
 * Ordinary trading writes some 500 bytes a second and 50 a symbol. With two symbols this bound fills 440 MB a day, and leaves ten times
 * the ordinary for a minute in which everything happens at once.
 */
const maxBytesPerSecond = 4096
const maxBytesPerSecondAndSymbol = 512
const maxKinds = 64

/** Judges whole windows, one after the other, over the three logs together. Raised when it begins, with what fills them. */
export class LogVolumeRule implements Rule {
  readonly #context: RuleContext
  readonly #maxBytesPerSecond: number
  readonly #bytesByKind = new Map<string, number>()
  #windowEndMs: number
  #isRaised = false

  constructor(context: RuleContext) {
    this.#context = context
    this.#maxBytesPerSecond = maxBytesPerSecond + maxBytesPerSecondAndSymbol * context.symbols.length
    this.#windowEndMs = context.judgedFromMs + context.settings.windowMs
  }

  observe(event: LogEvent, nowMs: number, bytes: number): void {
    if (nowMs > this.#context.judgedFromMs) this.#add(event.event, bytes)
  }

  observeRaw({ log, timeMs }: RawLine, bytes: number): void {
    if (timeMs > this.#context.judgedFromMs) this.#add(`raw lines in ${log}.log`, bytes)
  }

  advance(toMs: number): void {
    if (toMs < this.#windowEndMs) return
    this.#judge(this.#windowEndMs)
    const { windowMs } = this.#context.settings
    this.#windowEndMs += (Math.floor((toMs - this.#windowEndMs) / windowMs) + 1) * windowMs
    this.#bytesByKind.clear()
  }

  #add(kind: string, bytes: number): void {
    const key = this.#bytesByKind.has(kind) || this.#bytesByKind.size < maxKinds ? kind : 'other'
    this.#bytesByKind.set(key, (this.#bytesByKind.get(key) ?? 0) + bytes)
  }

  #judge(atMs: number): void {
    const { windowMs } = this.#context.settings
    const kinds = [...this.#bytesByKind].sort(([, left], [, right]) => right - left)
    const perSecond = (bytes: number): number => Math.round((bytes * 1000) / windowMs)
    const total = perSecond(kinds.reduce((sum, [, bytes]) => sum + bytes, 0))
    const wasRaised = this.#isRaised
    this.#isRaised = total > this.#maxBytesPerSecond
    if (!this.#isRaised || wasRaised) return
    const most = kinds[0]?.[0] ?? ''
    this.#context.raise({
      symbol: null,
      atMs,
      sinceMs: atMs - windowMs,
      message: `the logs grow by ${total} bytes a second, at most ${this.#maxBytesPerSecond} was expected; mostly: ${most}`,
      cause: most,
      evidence: kinds.slice(0, 10).map(([kind, bytes]) => `${kind}: ${perSecond(bytes)} bytes a second`),
    })
  }
}
