/** S1, one hour: development, and reproducing bugs. */

import { defineCampaign } from '../fixtures/campaign.ts'

defineCampaign('configs/s1.yaml')
