import { describe, expect, test } from 'vitest'
import type { FrameRow, StepInfo, VnetRow } from '../../src/feed-types.ts'
import {
  changedBytes,
  changes,
  dropAfter,
  isNewPath,
  isPassedOver,
  labelOf,
  noCodeWords,
  noFrameWords,
  numbered,
  onPath,
  stateWords,
  timeWords,
} from '../../src/page/step-model.ts'

const vnets = [
  { pid: 1, driver: 'snull', devices: [{ id: '1/red/sn1', label: 'red/sn1' }] },
] as unknown as VnetRow[]
const where = { id: '1/red/sn1', step: 4, next: 'netifRx', queue: 2, count: 3 } as const
const halt: StepInfo = { ...where, frame: undefined, source: undefined }

/** A step with its waiting frame, which has an IPv4 header. */
function at(step: StepInfo['step'], destination: string): StepInfo {
  const fields = [
    { name: 'TTL', value: '64' },
    { name: 'Destination', value: destination },
  ]
  return {
    ...halt,
    step,
    frame: { length: 98, text: '', headers: [{ name: 'IPv4', fields }], bytes: '' },
  }
}

test('a drop is of the frame that waited last, unless that frame had passed its last step', () => {
  const rest = { packet: 1, time: 0, direction: 'tx', isFar: false } as const
  const frames = [
    { ...rest, dropped: { text: 'NOMEM' } },
    { ...rest, dropped: undefined },
  ]
  expect(dropAfter(at(2, '198.18.0.2'), frames)).toBe('NOMEM')
  expect(dropAfter(at(5, '198.18.0.2'), frames)).toBeUndefined()
  expect(dropAfter(undefined, frames)).toBeUndefined()
})

test('a filter halts the frames that pass it, on both sides, and no step without a frame', () => {
  const filter = ({ direction, headers }: FrameRow) =>
    direction === 'rx' && headers[0].fields[1].value === '198.18.0.2'
  const steps = [at(2, '198.18.0.2'), at(4, '198.18.0.2'), at(4, '198.18.1.2'), halt]
  expect(steps.map(step => isPassedOver(filter, step))).toEqual([true, false, true, true])
})

describe('the line of the state', () => {
  test('the state line names the place of the waiting frame, and the next step', () => {
    expect(stateWords('on', halt, vnets)).toBe('Step 4 of 5 at red/sn1, queue 2: netifRx is next.')
  })

  test('the state line says what to do while no frame waits, and while frames pass', () => {
    expect(stateWords('on', undefined, vnets)).toMatch(/^No frame waits\./)
    expect(stateWords('off', undefined, vnets)).toMatch(/^Frames pass\./)
  })

  test('a frame that vanished before its last step was dropped or is kept', () => {
    expect(stateWords('on', undefined, vnets, at(2, '198.18.0.2'))).toMatch(
      /^The frame went no further: it was dropped/,
    )
    expect(stateWords('on', undefined, vnets, at(5, '198.18.0.2'))).toMatch(/^No frame waits\./)
    expect(stateWords('on', undefined, vnets, at(2, '198.18.0.2'), 'NOMEM')).toBe(
      'The frame went no further: it was dropped: NOMEM.',
    )
    // A step without a frame, or a page that may not see it.
    expect(stateWords('on', undefined, vnets, halt)).toMatch(/^No frame waits\./)
  })

  test('a device that is not listed has the name of its id', () => {
    expect([labelOf('1/red/sn1', vnets), labelOf('7/red/x', vnets)]).toEqual(['red/sn1', 'x'])
  })
})

test('times are in milliseconds below a second', () => {
  expect([0, 250, 2000].map(timeWords)).toEqual(['never', 'after 250 ms', 'after 2 s'])
})

test('a field that the last step changed has the value before it, and no other field has', () => {
  const changed = changes(at(2, '198.18.0.2'), at(3, '198.18.1.2'))
  expect([...changed]).toEqual([['IPv4/Destination', '198.18.0.2']])
})

test('a changed field stays marked for the rest of the path, also after a step without a frame', () => {
  const [read, sent] = [at(2, '198.18.0.2'), at(3, '198.18.1.2')]
  const changed = onPath(undefined, read, sent)
  const waiting = onPath(changed, sent, undefined)
  expect([...onPath(waiting, sent, at(4, '198.18.1.2'))]).toEqual([
    ['IPv4/Destination', '198.18.0.2'],
  ])
  expect(onPath(changed, sent, at(1, '198.18.1.2')).size).toBe(0)
})

test('a changed field stays marked from an interrupt to the poll that follows it', () => {
  const [sent, interrupt, poll] = [at(2, '198.18.0.2'), at(3, '198.18.1.2'), at(3, '198.18.1.2')]
  const changed = onPath(undefined, sent, interrupt)
  expect([...onPath(changed, interrupt, poll)]).toEqual([['IPv4/Destination', '198.18.0.2']])
  expect([
    isNewPath(interrupt, poll),
    isNewPath(poll, at(1, '')),
    isNewPath(undefined, poll),
  ]).toEqual([false, true, false])
})

test('the bytes that were inserted or differ from the start of the path are marked', () => {
  expect([...changedBytes('00112233', '00aa22bb')]).toEqual([1, 3])
  expect([...changedBytes('00112233', '00118100112233')]).toEqual([2, 3, 4])
  expect([...changedBytes('0011', '0011')]).toEqual([])
  expect([...changedBytes('001122', '0022')]).toEqual([])
})

test('the fields of another frame are not changes', () => {
  expect(changes(at(5, '198.18.0.2'), at(2, '198.18.1.2')).size).toBe(0)
  expect(changes(undefined, at(3, '198.18.1.2')).size).toBe(0)
  expect(changes(at(1, '198.18.0.2'), { ...at(2, ''), frame: undefined }).size).toBe(0)
})

test('lines are numbered in a column, and the next one is marked', () => {
  expect(numbered({ file: 'a.ts', line: 10, first: 9, lines: ['{', 'x', '}'] })).toEqual([
    { text: ' 9  {', isNext: false },
    { text: '10  x', isNext: true },
    { text: '11  }', isNext: false },
  ])
  expect(numbered({ file: 'a.ts', line: 3, first: 3, lines: ['x'] })).toEqual([
    { text: '3  x', isNext: true },
  ])
})

test('a missing frame and missing code have a reason', () => {
  const of = (step: StepInfo['step'], next = 'x') => ({ ...halt, step, next })
  expect([1, 3, 5].map(step => noFrameWords(of(step as StepInfo['step']), true))).toEqual([
    'The frame is still in the kernel.',
    'The frame is through: this completes its transmission.',
    'There is no frame.',
  ])
  expect(noFrameWords(of(1), false)).toContain('token')
  expect([noCodeWords(of(5), true), noCodeWords(of(3, 'wire'), true)]).toEqual([
    'No line of the driver runs in this step: vnet does it.',
    'The wire does this step.',
  ])
  expect(noCodeWords(of(2), false)).toContain('token')
})
