import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RingBuffer } from './ring-buffer.ts'

test('behaves as a list that drops its first item when it is full', () => {
  const histories = fc.array(fc.option(fc.nat(), { nil: 'shift' as const }), { maxLength: 40, size: 'max' })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), histories, (capacity, steps) => {
      const buffer = new RingBuffer<number>(capacity)
      const model: number[] = []
      let droppedCount = 0
      for (const step of steps) {
        if (step === 'shift') {
          expect(buffer.shift()).toBe(model.shift())
        } else {
          buffer.push(step)
          model.push(step)
          if (model.length > capacity) {
            model.shift()
            droppedCount++
          }
        }
        expect([...buffer]).toEqual(model)
        expect(buffer.count).toBe(model.length)
        expect(buffer.droppedCount).toBe(droppedCount)
      }
    }),
  )
})

test.each([0, -1, 1.5, Number.NaN])('refuses a capacity of %s', (capacity) => {
  expect(() => new RingBuffer(capacity)).toThrow('capacity must be a positive integer')
})
