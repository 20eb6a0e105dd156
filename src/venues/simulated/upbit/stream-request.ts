/** What a client may say on Upbit's WebSockets: text in, a request or Upbit's complaint out. Pure; Upbit's two streams call this. */

import { isJsonObject, parseJson } from '../json-object.ts'
import type { UpbitFormat } from './rows.ts'

/** On the public interface. */
export type UpbitDataType = 'orderbook' | 'ticker' | 'trade'
/** On the private one. */
export type UpbitAccountType = 'myOrder' | 'myAsset'

export interface UpbitSubscription<Type extends string> {
  type: Type
  /** As asked for: of order books, with the suffix of a depth. None, which only the private interface takes: all. */
  codes: readonly string[]
  level: number
  isOnlySnapshot: boolean
  isOnlyRealtime: boolean
}

export interface UpbitSubscribe<Type extends string> {
  kind: 'subscribe'
  format: UpbitFormat
  subscriptions: readonly UpbitSubscription<Type>[]
}

interface Complaint {
  kind: 'error'
  name: string
  message: string
}

export type UpbitRequest<Type extends string> = UpbitSubscribe<Type> | { kind: 'list-subscriptions'; ticket: string } | Complaint

interface Interface<Type extends string> {
  types: readonly Type[]
  isPrivate: boolean
}

const publicInterface: Interface<UpbitDataType> = { types: ['orderbook', 'ticker', 'trade'], isPrivate: false }
const privateInterface: Interface<UpbitAccountType> = { types: ['myOrder', 'myAsset'], isPrivate: true }
const privateTypes = ['myOrder', 'myAsset', 'announcement']
const formats: readonly UpbitFormat[] = ['DEFAULT', 'SIMPLE', 'JSON_LIST', 'SIMPLE_LIST']

/** Upbit's own words (docs.upbit.com, "WebSocket error", and captures of 2026-09-23). */
const wrongFormat = complaint('WRONG_FORMAT', 'Format 이 맞지 않습니다.')
const noTicket = complaint('NO_TICKET', '티켓이 존재하지 않거나, 유효하지 않습니다.')
const noType = complaint('NO_TYPE', 'type 필드가 존재하지 않습니다.')
const noCodes = complaint('NO_CODES', 'codes 필드가 존재하지 않습니다.')
const emptyCodes = complaint('INVALID_PARAM', 'codes 필드가 비어 있습니다.')
const invalidAuth = complaint('INVALID_AUTH', '인증 정보가 올바르지 않습니다.')

export function parsePublicRequest(text: string): UpbitRequest<UpbitDataType> {
  return parse(text, publicInterface)
}

export function parsePrivateRequest(text: string): UpbitRequest<UpbitAccountType> {
  return parse(text, privateInterface)
}

/** Parts may come in any order: the format was seen second and last. */
function parse<Type extends string>(text: string, asked: Interface<Type>): UpbitRequest<Type> {
  const parts = parseJson(text)
  if (!Array.isArray(parts) || !parts.every(isJsonObject)) return wrongFormat
  const ticket = parts.find((part) => 'ticket' in part)?.['ticket']
  if (typeof ticket !== 'string' || ticket === '') return noTicket
  if (parts.some((part) => part['method'] === 'LIST_SUBSCRIPTIONS')) return { kind: 'list-subscriptions', ticket }
  const named = parts.find((part) => 'format' in part)?.['format'] ?? 'DEFAULT'
  const format = formats.find((known) => known === named)
  if (format === undefined) return wrongFormat
  const typed = parts.filter((part) => !('ticket' in part) && !('format' in part))
  if (typed.length === 0) return noType
  const subscriptions: UpbitSubscription<Type>[] = []
  for (const part of typed) {
    const subscription = subscriptionOf(part, asked)
    if ('kind' in subscription) return subscription
    subscriptions.push(subscription)
  }
  return { kind: 'subscribe', format, subscriptions }
}

function subscriptionOf<Type extends string>(
  part: Record<string, unknown>,
  { types, isPrivate }: Interface<Type>,
): UpbitSubscription<Type> | Complaint {
  const { type: name, codes = isPrivate ? [] : undefined, level = 0 } = part
  if (typeof name !== 'string') return noType
  const type = types.find((known) => known === name)
  if (type === undefined) {
    return privateTypes.includes(name) && !isPrivate ? invalidAuth : complaint('INVALID_PARAM', `${name} 은 지원하지 않는 타입입니다.`)
  }
  if (codes === undefined) return noCodes
  if (!Array.isArray(codes) || !codes.every((code) => typeof code === 'string') || typeof level !== 'number') return wrongFormat
  if (codes.length === 0 && !isPrivate) return emptyCodes
  return {
    type,
    codes,
    level,
    isOnlySnapshot: (part['is_only_snapshot'] ?? part['isOnlySnapshot']) === true,
    isOnlyRealtime: (part['is_only_realtime'] ?? part['isOnlyRealtime']) === true,
  }
}

function complaint(name: string, message: string): Complaint {
  return { kind: 'error', name, message }
}
