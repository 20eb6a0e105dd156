/** One HTTP exchange, as undici tells of it piece by piece: half the cost of its streams. The network transport makes one a request. */

import { gunzipSync } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { codeOf, messageOf, type OperatingError } from '../base/error.ts'
import type { Venue } from '../model/instrument.ts'
import type { HttpResponse } from './transport.ts'
import { malformed } from './venue-error.ts'

export type HttpAnswer = Omit<HttpResponse, 'receivedAtMs'>

const maxBodyBytes = 8 * 2 ** 20
/** Zlib's own 16 KiB make four turns of a body that one does, at twice the cost. */
const unzipChunkBytes = 64 * 2 ** 10

export class HttpExchange implements Dispatcher.DispatchHandler {
  /** Rejects with an OperatingError, or with what undici throws. */
  readonly answer: Promise<HttpAnswer>
  readonly #venue: Venue
  readonly #onEnd: () => void
  readonly #settle: PromiseWithResolvers<HttpAnswer>
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | null = null
  #abandonedWith: OperatingError | null = null
  #status = 0
  #headers: Record<string, string> = {}
  #byteCount = 0

  /** `onEnd`: undici has let go of it, which may be after it was given up. */
  constructor(venue: Venue, onEnd: () => void) {
    this.#venue = venue
    this.#onEnd = onEnd
    this.#settle = Promise.withResolvers()
    this.answer = this.#settle.promise
  }

  /** Gives it up, also where it still waits for a connection. */
  abandon(error: OperatingError): void {
    this.#abandonedWith = error
    this.#controller?.abort(error)
    this.#settle.reject(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#abandonedWith !== null) controller.abort(this.#abandonedWith)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    this.#status = status
    this.#headers = plainHeaders(headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#byteCount += chunk.length
    if (this.#byteCount > maxBodyBytes) this.abandon(tooLong(this.#venue))
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#onEnd()
    try {
      this.#settle.resolve(this.#read())
    } catch (error) {
      this.#settle.reject(error)
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#onEnd()
    this.#settle.reject(error)
  }

  #read(): HttpAnswer {
    const [first = Buffer.alloc(0)] = this.#chunks
    const bytes = this.#chunks.length > 1 ? Buffer.concat(this.#chunks, this.#byteCount) : first
    const body = this.#headers['content-encoding'] === 'gzip' ? unzipped(this.#venue, bytes) : bytes
    return { status: this.#status, headers: this.#headers, body: body.toString('utf8') }
  }
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>

/** Fields that came more than once are joined, as RFC 9110 has it (section 5.3). */
export function plainHeaders(raw: RawHeaders): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

/** On this thread: a hundred books take less than the way to another one and back, and the longest body some 15 ms. */
function unzipped(venue: Venue, bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { chunkSize: unzipChunkBytes, maxOutputLength: maxBodyBytes })
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLong(venue)
    throw malformed(venue, 'the body is not gzip', messageOf(error), error)
  }
}

function tooLong(venue: Venue): OperatingError {
  return malformed(venue, 'the body is too long', `more than ${maxBodyBytes} bytes`)
}
