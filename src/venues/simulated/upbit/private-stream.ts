/** Upbit's private WebSocket: an account's orders and assets as they change. Upbit's trading face opens its sessions. */

import type { Prng } from '../../../base/prng.ts'
import type { Desk, DeskEvent } from '../desk.ts'
import type { FaceSession, FaceSocket } from '../face.ts'
import { isJsonObject } from '../json-object.ts'
import { numberedUuid } from '../numbered-uuid.ts'
import { type UpbitOrderJson, upbitState } from './order-json.ts'
import { framed, isShort } from './rows.ts'
import { UpbitSession } from './session.ts'
import { parsePrivateRequest, type UpbitAccountType, type UpbitSubscribe } from './stream-request.ts'

export interface UpbitPrivateStreamOptions {
  desk: Desk
  json: UpbitOrderJson
  prng: Prng
  idleCloseMs: number | undefined
}

type Session = UpbitSession<UpbitAccountType>
type Subscribe = UpbitSubscribe<UpbitAccountType>

/** Keys of the SIMPLE formats, as documented for myOrder; for myAsset the documentation was not at hand: an assumption. */
const simpleKeys: ReadonlyMap<string, string> = new Map(
  [
    'type:ty code:cd uuid:uid ask_bid:ab order_type:ot state:s trade_uuid:tuid price:p avg_price:ap volume:v remaining_volume:rv',
    'executed_volume:ev trades_count:tc reserved_fee:rsf remaining_fee:rmf paid_fee:pf locked:l executed_funds:ef time_in_force:tif',
    'trade_fee:tf is_maker:im identifier:id smp_type:smpt prevented_volume:pv prevented_locked:pl trade_timestamp:ttms',
    'order_timestamp:otms timestamp:tms stream_type:st asset_uuid:astuid assets:ast asset_timestamp:asttms currency:cu balance:b',
  ]
    .flatMap((line) => line.split(' '))
    .map((pair): [string, string] => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]),
)

export class UpbitPrivateStream {
  readonly #json: UpbitOrderJson
  readonly #assetUuid: string
  readonly #idleCloseMs: number | undefined
  /** Each session, and what it has subscribed to. */
  readonly #sessions = new Map<Session, Subscribe | null>()

  constructor({ desk, json, prng, idleCloseMs }: UpbitPrivateStreamOptions) {
    this.#json = json
    this.#assetUuid = numberedUuid(prng, 'asset', 1)
    this.#idleCloseMs = idleCloseMs
    desk.onEvent((event) => this.#tell(event))
  }

  open(socket: FaceSocket, nowMs: number): FaceSession {
    const session = new UpbitSession({
      socket,
      openedAtMs: nowMs,
      idleCloseMs: this.#idleCloseMs,
      parse: parsePrivateRequest,
      onSubscribe: (subscriber, request) => this.#sessions.set(subscriber, request),
      onEnd: (ended) => this.#sessions.delete(ended),
    })
    this.#sessions.set(session, null)
    return session
  }

  advance(nowMs: number): void {
    for (const session of this.#sessions.keys()) session.advance(nowMs)
  }

  /** Breaks every connection, without a word. */
  cut(): void {
    for (const session of this.#sessions.keys()) session.cut()
  }

  #tell(event: DeskEvent): void {
    if (this.#sessions.size === 0) return
    for (const frame of this.#orderFrames(event)) this.#send('myOrder', event.order.code, frame, event.atMs)
    if (event.balances.length > 0) this.#send('myAsset', null, this.#assetFrame(event), event.atMs)
  }

  #send(type: UpbitAccountType, code: string | null, frame: Record<string, unknown>, atMs: number): void {
    for (const [session, request] of this.#sessions) {
      if (request === null || !isAsked(request, type, code)) continue
      const { format } = request
      session.send(framed(format, JSON.stringify(isShort(format) ? simplified(frame) : frame)), atMs)
    }
  }

  /** The trade that ends an order is followed by the order's end. */
  #orderFrames(event: DeskEvent): Record<string, unknown>[] {
    const whole = (): Record<string, unknown> => this.#json.myOrder(event, upbitState(event.order))
    if (event.kind !== 'fill') return [whole()]
    const trade = this.#json.myOrder(event, 'trade')
    return event.order.state === 'filled' ? [trade, whole()] : [trade]
  }

  #assetFrame({ balances, atMs }: DeskEvent): Record<string, unknown> {
    return {
      type: 'myAsset',
      asset_uuid: this.#assetUuid,
      assets: balances.map(({ asset, free, locked }) => ({ currency: asset, balance: free.toNumber(), locked: locked.toNumber() })),
      asset_timestamp: atMs,
      timestamp: atMs,
      stream_type: 'REALTIME',
    }
  }
}

function isAsked({ subscriptions }: Subscribe, type: UpbitAccountType, code: string | null): boolean {
  return subscriptions.some((each) => each.type === type && (code === null || each.codes.length === 0 || each.codes.includes(code)))
}

function simplified(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(simplified)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [simpleKeys.get(key) ?? key, simplified(part)]))
}
