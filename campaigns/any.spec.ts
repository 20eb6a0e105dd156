/** Any config that LONGHAUL_CONFIG names (`longhaul run --config …`): a tape, a planted defect, a campaign of your own. */

import { defineCampaign } from '../fixtures/campaign.ts'

defineCampaign('configs/s0.yaml')
