/** The figure of an exercise while its driver runs. */
import { expect, test, vi } from 'vitest'
import { withFigure } from '../../../docs/.vitepress/theme/figure.js'

/** A cell of the figure: what the theme uses of its element. */
class Cell {
  isFilled: boolean

  constructor(isFilled: boolean) {
    this.isFilled = isFilled
  }

  readonly classList = {
    toggle: (_: string, isFilled: boolean) => {
      this.isFilled = isFilled
    },
  }

  matches = () => this.isFilled
}

test("a figure's ring has the frames of the driver's ring, until the picture is closed", () => {
  const cells = [true, true, false, false].map(isFilled => new Cell(isFilled))
  const ring = { dataset: { name: 'board.rx' }, querySelectorAll: () => cells }
  const picture = { receive: vi.fn(), close: vi.fn() }
  const mounted = withFigure(() => picture, { querySelectorAll: () => [ring] })(undefined, {})
  const filled = () => cells.filter(cell => cell.isFilled).length
  const receive = (name: string, length: number) =>
    mounted.receive({ type: 'parts', parts: [{ kind: 'ring', name, length, capacity: 256 }] })
  expect(filled()).toBe(2)
  receive('board.rx', 3)
  expect(filled()).toBe(3)
  receive('board.tx', 1)
  expect(filled()).toBe(3)
  receive('board.rx', 200)
  expect(filled()).toBe(4)
  receive('board.rx', 0)
  expect(filled()).toBe(0)
  mounted.close()
  expect([filled(), picture.receive.mock.calls.length, picture.close.mock.calls.length]).toEqual([
    2, 4, 1,
  ])
})
