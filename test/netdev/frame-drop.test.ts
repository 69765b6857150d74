import { expect, test } from 'vitest'
import {
  dropComment,
  dropText,
  parseDrop,
  seedOfComment,
  stageDropText,
  type WireDrop,
} from '#src/netdev/frame-drop.ts'

const wire: WireDrop = {
  direction: 'ab',
  place: 2,
  kind: 'loss',
  text: 'loss 1%',
  why: 'loss',
  seed: 7,
  packet: 1042,
}
const drop = { reason: 'WIRE_LOSS', wire }

test('a drop is a text for people, with the seed and the packet in a capture', () => {
  expect(stageDropText(wire)).toBe('loss 1%')
  expect(dropText(drop)).toBe('wire ab, stage 2 loss 1%')
  expect(dropComment(drop, undefined)).toBe(
    'dropped: wire ab, stage 2 loss 1% (seed 7, packet 1042)',
  )
  expect(dropComment(drop, 5)).toBe('dropped: wire ab, stage 2 loss 1% (seed 7, packet 1042), id 5')
  expect([dropText({ reason: 'NEIGH' }), dropComment({ reason: 'NEIGH' }, undefined)]).toEqual([
    'NEIGH',
    'dropped: NEIGH',
  ])
  const comments = [
    dropComment(drop, 5),
    dropComment({ reason: 'NEIGH' }, 3),
    'dropped: wire ab, stage 2 loss 1%',
  ]
  expect(comments.map(seedOfComment)).toEqual([7, undefined, Number.NaN])
})

test('the text names the side of an attachment, a removed stage, and a reason that is not the kind', () => {
  const other = { ...wire, side: 'out', place: 0, why: 'memory' } as const
  expect(dropText({ ...drop, wire: other })).toBe('wire out (ab), former stage loss 1%: memory')
})

test('a drop is read from its JSON text, and anything else is not a drop', () => {
  for (const each of [drop, { reason: 'NEIGH' }, { ...drop, wire: { ...wire, side: 'in' } }]) {
    expect(parseDrop(JSON.stringify(each))).toEqual(each)
  }
  const wrong = Object.keys(wire).map(name => ({ ...drop, wire: { ...wire, [name]: null } }))
  for (const each of [
    ...wrong,
    null,
    7,
    [],
    {},
    { reason: 7 },
    { reason: '', wire: null },
    { reason: '', wire: 7 },
  ]) {
    expect(parseDrop(JSON.stringify(each)), JSON.stringify(each)).toBeUndefined()
  }
  expect(parseDrop(JSON.stringify(drop).slice(1))).toBeUndefined()
})
