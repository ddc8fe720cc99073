import { describe, expect, it } from 'vitest'
import { percentile, spread } from '../../lab/figures.ts'

describe('percentile', () => {
  const twenty = Array.from({ length: 20 }, (_, index) => 20 - index)

  it.each([
    [0.95, 19],
    [0.951, 20],
    [0.5, 10],
    [1, 20],
    [0, 1],
  ])('share %f of the figures 1 to 20 is %i', (share, figure) => {
    expect(percentile(twenty, share)).toBe(figure)
  })

  it('of one figure is that figure, of none is no number', () => {
    expect(percentile([7], 0.95)).toBe(7)
    expect(percentile([], 0.95)).toBeNaN()
  })
})

describe('spread', () => {
  it('has the mean of the two in the middle as median of an even number', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4, runs: 4 })
  })
})
