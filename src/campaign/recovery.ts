/** Decides what follows a stopped attempt: start again as it was, start again adjusted to the cause, or give up. Pure. */

import type { Analysis } from '../analyzer/analysis.ts'
import type { RetrySettings } from '../config/schema.ts'
import type { Finding } from '../monitor/finding.ts'

/** What is changed for the next attempt, on top of the config and of earlier adjustments. */
export interface Adjustments {
  quarantinedSymbols: string[]
  /** Factors on the config's loop interval and trade size. */
  intervalFactor: number
  sizeFactor: number
}

export const noAdjustments: Adjustments = { quarantinedSymbols: [], intervalFactor: 1, sizeFactor: 1 }

export interface Recovery {
  decision: 'retry' | 'retry-adjusted' | 'give-up'
  reason: string
  adjustments: Adjustments
}

export interface RecoveryInput {
  settings: RetrySettings
  attempt: number
  symbols: readonly string[]
  /** What stopped the attempt. */
  finding: Finding
  /** Of the run's logs up to then. */
  analysis: Pick<Analysis, 'symbols'>
  adjustments: Adjustments
}

/** Block reasons that a smaller trade may satisfy. */
const sizeReasons = new Set(['max-notional', 'max-exposure', 'symbol-max-capital', 'insufficient-inventory'])

export function recover(input: RecoveryInput): Recovery {
  const { settings, attempt, finding, adjustments } = input
  const stopped = `stopped by ${finding.rule} (${finding.cause})`
  if (settings.giveUpOn.includes(finding.rule)) return giveUp(input, `${stopped}, which the config gives up on`)
  if (attempt >= settings.maxAttempts) return giveUp(input, `${stopped}; ${attempt} of ${settings.maxAttempts} attempts are used`)
  const plain: Recovery = { decision: 'retry', reason: `${stopped}; continues from the stored state`, adjustments }
  return settings.strategy === 'plain' ? plain : (adjust(input, stopped) ?? plain)
}

function adjust(input: RecoveryInput, stopped: string): Recovery | null {
  const { finding, symbols, adjustments } = input
  if (finding.rule === 'guard-block' && sizeReasons.has(finding.cause)) {
    const sizeFactor = adjustments.sizeFactor / 2
    return adjusted(`${stopped}: trades half the size`, { ...adjustments, sizeFactor })
  }
  if (finding.cause.includes('VENUE_RATE_LIMITED') || finding.rule === 'loop-period') {
    return adjusted(`${stopped}: polls half as often`, { ...adjustments, intervalFactor: adjustments.intervalFactor * 2 })
  }
  const active = symbols.filter((symbol) => !adjustments.quarantinedSymbols.includes(symbol))
  const culprit = finding.symbol ?? onlySymbolWithErrors(input)
  if (culprit !== null && active.includes(culprit) && active.length > 1) {
    const quarantinedSymbols = [...adjustments.quarantinedSymbols, culprit]
    return adjusted(`${stopped}: ${culprit} is quarantined`, { ...adjustments, quarantinedSymbols })
  }
  return null
}

/** Where the finding names no symbol, the logs may: the one on which all errors happened. */
function onlySymbolWithErrors({ analysis }: RecoveryInput): string | null {
  const withErrors = analysis.symbols.filter(({ errors }) => errors > 0)
  return withErrors.length === 1 ? (withErrors[0]?.symbol ?? null) : null
}

function adjusted(reason: string, adjustments: Adjustments): Recovery {
  return { decision: 'retry-adjusted', reason, adjustments }
}

function giveUp({ adjustments }: RecoveryInput, reason: string): Recovery {
  return { decision: 'give-up', reason, adjustments }
}

/** For the report: what differs from the config. */
export function describeAdjustments({ quarantinedSymbols, intervalFactor, sizeFactor }: Adjustments): string[] {
  const words: string[] = []
  if (quarantinedSymbols.length > 0) words.push(`quarantined: ${quarantinedSymbols.join(', ')}`)
  if (intervalFactor !== 1) words.push(`loop interval x ${intervalFactor}`)
  if (sizeFactor !== 1) words.push(`trade size x ${sizeFactor}`)
  return words
}
