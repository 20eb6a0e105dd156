/** S3, twelve hours: near-production validation. */

import { defineCampaign } from '../fixtures/campaign.ts'

defineCampaign('configs/s3.yaml')
