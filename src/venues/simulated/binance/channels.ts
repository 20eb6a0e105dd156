/** Who listens to which of Binance's streams: a feed is made for its first listener and ends with the last. For BinanceStreamFace. */

import { type Feed, feedOf, type FeedSources } from './feeds.ts'

export interface Listener {
  /** Whether payloads are wrapped in `{"stream":…,"data":…}`. */
  readonly isCombined: boolean
  send(text: string): void
}

/** A payload wrapped as a listener of combined streams gets it. */
export function combined(stream: string, payload: string): string {
  return `{"stream":"${stream}","data":${payload}}`
}

class Channel {
  readonly feed: Feed
  readonly listeners = new Set<Listener>()
  readonly #stream: string

  constructor(stream: string, feed: Feed) {
    this.#stream = stream
    this.feed = feed
  }

  readonly send = (payload: string): void => {
    let wrapped: string | null = null
    for (const listener of this.listeners) listener.send(listener.isCombined ? (wrapped ??= combined(this.#stream, payload)) : payload)
  }
}

export class Channels {
  readonly #sources: FeedSources
  readonly #channels = new Map<string, Channel>()
  #second = -1

  constructor(sources: FeedSources) {
    this.#sources = sources
  }

  /** A stream that the venue does not have stays silent. */
  join(stream: string, listener: Listener): void {
    let channel = this.#channels.get(stream)
    if (channel === undefined) {
      const feed = feedOf(stream, this.#sources)
      if (feed === null) return
      channel = new Channel(stream, feed)
      this.#channels.set(stream, channel)
    }
    channel.listeners.add(listener)
  }

  leave(stream: string, listener: Listener): void {
    const channel = this.#channels.get(stream)
    if (channel?.listeners.delete(listener) && channel.listeners.size === 0) this.#channels.delete(stream)
  }

  feed(stream: string): Feed | null {
    return this.#channels.get(stream)?.feed ?? null
  }

  step(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    const isNewSecond = second !== this.#second
    this.#second = second
    for (const { feed, send } of this.#channels.values()) feed.step(nowMs, isNewSecond, send)
  }
}
