import { expect, test } from 'vitest'
import { campaignSchema } from '../config/schema.ts'
import type { NetworkNeeds } from '../environment/network.ts'
import { networkNeeds } from './network-needs.ts'

const startMs = Date.UTC(2026, 0, 5)

function needsOf(config: object): NetworkNeeds | null {
  return networkNeeds(campaignSchema.parse({ scenario: 'T1', symbols: ['KRW-BTC'], duration_minutes: 3, seed: 7, ...config }))
}

test.for(['simulated', 'tape'])('a %s market needs no network', (market) => {
  expect(needsOf({ market })).toBeNull()
})

test('what the check of the venues is told is that of the config', () => {
  const needs = needsOf({ market: 'live', venues: { maxClockOffsetMs: 77, requestTimeoutMs: 88 } })
  expect(needs).toMatchObject({ maxClockOffsetMs: 77, requestTimeoutMs: 88 })
  expect(needs?.instruments.map(({ venue, code }) => `${venue} ${code}`)).toEqual(['upbit KRW-BTC', 'binance BTCUSDT', 'upbit KRW-USDT'])
})

test('a live market is where the venues are, or where the config says', () => {
  const binance = { restUrl: 'https://api.binance.us', streamUrl: 'wss://stream.binance.us:9443' }
  expect(needsOf({ market: 'live', live: { binance } })).toMatchObject({
    endpoints: { upbit: { restUrl: 'https://api.upbit.com', streamUrl: 'wss://api.upbit.com' }, binance },
  })
})

test('a loopback market with addresses has its streams where its answers are', () => {
  const loopback = { upbitUrl: 'http://127.0.0.1:8101/', binanceUrl: 'http://localhost:8102' }
  expect(needsOf({ market: 'loopback', loopback })).toMatchObject({
    endpoints: {
      upbit: { restUrl: 'http://127.0.0.1:8101', streamUrl: 'ws://127.0.0.1:8101' },
      binance: { restUrl: 'http://localhost:8102', streamUrl: 'ws://localhost:8102' },
    },
  })
})

test('a loopback market without addresses is told to our own servers, as plain data, with the start that it is given', () => {
  const needs = needsOf({ market: 'loopback', simulatedMarket: {} })
  const plan = needs !== null && 'serverPlan' in needs ? needs.serverPlan(startMs) : null
  expect(plan).toMatchObject({ seed: 7, market: { kind: 'simulated', startMs }, ports: { upbit: 0, binance: 0 } })
  expect(plan?.instruments).toEqual(needs?.instruments)
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
})
