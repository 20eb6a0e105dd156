import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { SystemClock } from '../../clock/system-clock.ts'
import { ServedSocket } from './served-socket.ts'

test('a client that does not read is cut when more than 16 MiB wait for it, and its session ends', async () => {
  const http = createServer().listen(0, '127.0.0.1')
  const sockets = new WebSocketServer({ server: http })
  await once(http, 'listening')
  const client = connect((http.address() as AddressInfo).port, '127.0.0.1')
  // Without this it would read, and drop, whatever comes.
  client.pause()
  const headers = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  client.write(`GET / HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`)
  const [webSocket, request] = (await once(sockets, 'connection')) as [WebSocket, IncomingMessage]
  const cuts: number[] = []
  let sentCount = 0
  const served = new ServedSocket({ clock: new SystemClock(), isBinary: true, onCut: () => cuts.push(sentCount) })
  const closed = new Promise<void>((resolve) => {
    served.attach(webSocket, request.socket, {
      received: () => undefined,
      pinged: () => undefined,
      ponged: () => undefined,
      closed: resolve,
    })
  })
  const mebibyte = 'x'.repeat(2 ** 20)
  for (; cuts.length === 0 && sentCount < 100; sentCount++) served.send(mebibyte)
  await closed
  served.send(mebibyte)
  expect(cuts).toEqual([sentCount - 1])
  expect(sentCount).toSatisfy((count: number) => count > 16 && count < 100)
  client.destroy()
  http.close()
})
