/** S2, six hours: long-run stability. */

import { defineCampaign } from '../fixtures/campaign.ts'

defineCampaign('configs/s2.yaml')
