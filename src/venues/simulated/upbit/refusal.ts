/** The errors of Upbit's exchange API: documented names, each with its HTTP status and words. Upbit's trading face answers with them. */

import type { Side } from '../../../model/instrument.ts'
import type { DeskRefusal } from '../desk.ts'

export type UpbitSide = 'ask' | 'bid'

/** The statuses are documented, the words are as they were captured or close to it: nothing should depend on them. */
const errors = {
  create_ask_error: [400, '주문 요청 정보가 올바르지 않습니다.'],
  create_bid_error: [400, '주문 요청 정보가 올바르지 않습니다.'],
  insufficient_funds_ask: [400, '주문가능한 금액이 부족합니다.'],
  insufficient_funds_bid: [400, '주문가능한 금액이 부족합니다.'],
  under_min_total_ask: [400, '최소주문금액 이상으로 주문해주세요.'],
  under_min_total_bid: [400, '최소주문금액 이상으로 주문해주세요.'],
  over_krw_funds_bid: [400, '최대주문금액 이하로 주문해주세요.'],
  invalid_price_ask: [400, '주문가격 단위를 잘못 입력하셨습니다. 확인 후 시도해주세요.'],
  invalid_price_bid: [400, '주문가격 단위를 잘못 입력하셨습니다. 확인 후 시도해주세요.'],
  invalid_time_in_force: [400, '주문 조건이 올바르지 않습니다.'],
  invalid_post_only: [400, 'post_only 주문 조건이 올바르지 않습니다.'],
  duplicated_identifier: [400, '이미 사용된 identifier입니다.'],
  validation_error: [400, '잘못된 API 요청입니다.'],
  invalid_parameter: [400, '잘못된 파라미터입니다.'],
  notfoundmarket: [400, '마켓 정보를 찾을 수 없습니다.'],
  invalid_query_payload: [401, 'Jwt의 query를 검증하는데 실패하였습니다.'],
  jwt_verification: [401, 'Jwt 토큰 검증에 실패했습니다.'],
  invalid_access_key: [401, '잘못된 엑세스 키입니다.'],
  nonce_used: [401, '이미 요청한 nonce값이 다시 사용되었습니다.'],
  no_authorization_token: [401, '인증 토큰이 없습니다.'],
  order_not_found: [404, '주문을 찾지 못했습니다.'],
} as const satisfies Record<string, readonly [number, string]>

export type UpbitErrorName = keyof typeof errors

/** What an endpoint makes of a request, before headers. */
export interface UpbitOutcome {
  status: number
  body: string
}

export function upbitRefusal(name: UpbitErrorName): UpbitOutcome {
  const [status, message] = errors[name]
  return { status, body: JSON.stringify({ error: { name, message } }) }
}

export function upbitSide(side: Side): UpbitSide {
  return side === 'buy' ? 'bid' : 'ask'
}

export function upbitErrorName(refusal: DeskRefusal, side: UpbitSide): UpbitErrorName {
  switch (refusal) {
    case 'unknown-instrument':
      return 'notfoundmarket'
    case 'insufficient-balance':
      return `insufficient_funds_${side}`
    case 'below-minimum':
      return `under_min_total_${side}`
    case 'price-off-tick':
      return `invalid_price_${side}`
    case 'would-take':
      // How a post_only order that would take is refused is not documented: an assumption.
      return 'invalid_post_only'
    case 'duplicate-client-order-id':
      return 'duplicated_identifier'
    case 'quantity-off-lot':
    case 'invalid-order':
    case 'too-many-orders':
      return `create_${side}_error`
    case 'unknown-order':
    case 'order-not-open':
      return 'order_not_found'
  }
}
