/** S0 over WebSocket: streams of the loopback servers, local books, and decisions the moment a quote changes. In real time. */

import { defineCampaign } from '../fixtures/campaign.ts'

defineCampaign('configs/loopback-s0-ws.yaml')
