/** Three minutes of faults on real sockets: the engine comes through, and what struck is in the report. */

import { defineCampaign } from '../fixtures/campaign.ts'

defineCampaign('configs/loopback-chaos.yaml')
