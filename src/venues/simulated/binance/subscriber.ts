/** One client's place in Binance's streams: what it subscribed to, and the commands that change it. BinanceStreamFace makes it. */

import { type Channels, combined, type Listener } from './channels.ts'
import type { FaceSocket } from '../face.ts'
import { isJsonObject, parseJson } from '../json-object.ts'

/** Documented: of a connection. */
export const maxStreams = 1024

const methods = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY']

type Reply = { result: null | boolean | readonly string[] } | { code: number; msg: string }

const done: Reply = { result: null }

export class BinanceSubscriber implements Listener {
  readonly #socket: FaceSocket
  readonly #channels: Channels
  readonly #streams = new Set<string>()
  #isCombined: boolean

  constructor(socket: FaceSocket, channels: Channels, isCombined: boolean) {
    this.#socket = socket
    this.#channels = channels
    this.#isCombined = isCombined
  }

  get isCombined(): boolean {
    return this.#isCombined
  }

  send(text: string): void {
    this.#socket.send(text)
  }

  /** At most `maxStreams` in all, or nothing is done; false then. */
  subscribe(streams: readonly string[]): boolean {
    const added = new Set(streams.filter((stream) => !this.#streams.has(stream)))
    if (this.#streams.size + added.size > maxStreams) return false
    for (const stream of added) {
      this.#streams.add(stream)
      this.#channels.join(stream, this)
    }
    return true
  }

  /** It listens to nothing any more. */
  leave(): void {
    for (const stream of this.#streams) this.#channels.leave(stream, this)
  }

  announceShutDown(nowMs: number): void {
    const event = `{"e":"serverShutdown","E":${nowMs}}`
    this.send(this.#isCombined ? combined('!serverShutdown', event) : event)
  }

  /** A reply carries the request's `id` where that is valid. A refusal says where in the text it stumbled: here always at its end. */
  answer(text: string): string {
    const request = parseJson(text)
    if (request === undefined) return '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}'
    const { method, params, id } = isJsonObject(request) ? request : {}
    if (!isRequestId(id)) return JSON.stringify(invalid('request ID must be an unsigned integer'))
    const place = `at line 1 column ${text.length}`
    if (typeof method !== 'string') return JSON.stringify({ ...invalid(`missing field \`method\` ${place}`), id })
    if (!methods.includes(method)) {
      const expected = methods.map((name) => `\`${name}\``).join(', ')
      return JSON.stringify({ ...invalid(`unknown variant ${method}, expected one of ${expected} ${place}`), id })
    }
    return JSON.stringify({ ...this.#carryOut(method, params ?? []), id })
  }

  #carryOut(method: string, params: unknown): Reply {
    if (!Array.isArray(params)) return invalid('params must be an array')
    const values = params as readonly unknown[]
    if (method === 'SET_PROPERTY' || method === 'GET_PROPERTY') return this.#property(method === 'SET_PROPERTY', values)
    if (method === 'LIST_SUBSCRIPTIONS') return values.length > 0 ? invalid('too many parameters') : { result: [...this.#streams] }
    if (!values.every((value) => typeof value === 'string')) return invalid('stream names must be strings')
    if (method === 'SUBSCRIBE') return this.subscribe(values) ? done : invalid(`more than ${maxStreams} streams`)
    for (const stream of values) {
      if (this.#streams.delete(stream)) this.#channels.leave(stream, this)
    }
    return done
  }

  #property(isSet: boolean, [name, value, ...others]: readonly unknown[]): Reply {
    if (typeof name !== 'string') return invalid('property name must be a string')
    if (others.length > 0 || (!isSet && value !== undefined)) return invalid('too many parameters')
    if (name !== 'combined') return { code: 0, msg: 'Unknown property' }
    if (!isSet) return { result: this.#isCombined }
    if (typeof value !== 'boolean') return { code: 1, msg: 'Invalid value type: expected Boolean' }
    this.#isCombined = value
    return done
  }
}

/** Documented: an integer, an alphanumeric string of at most 36, or null. UUIDs are accepted too. */
function isRequestId(id: unknown): boolean {
  return id === null || Number.isSafeInteger(id) || (typeof id === 'string' && /^[\w-]{1,36}$/.test(id))
}

function invalid(what: string): Reply {
  return { code: 2, msg: `Invalid request: ${what}` }
}
