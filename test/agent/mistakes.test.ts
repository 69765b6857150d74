/** The mistakes of owners: each is reported once, and shown until it is forgotten. */
import { expect, test } from 'vitest'
import { type Mistake, Mistakes } from '#src/agent/mistakes.ts'

function made() {
  const reported: Mistake[] = []
  return { reported, mistakes: new Mistakes(mistake => void reported.push(mistake)) }
}

const mistake = { who: 'container web', why: 'no wire' }
const other = { who: 'container web', why: 'another reason', lasts: true } as const

test('a mistake is reported once, until its reason changes', () => {
  const { reported, mistakes } = made()
  for (const each of [mistake, mistake, other]) {
    mistakes.add('docker a', each)
  }
  expect(reported).toEqual([mistake, other])
  expect(mistakes.list()).toEqual({
    count: 2,
    present: [{ who: 'container web', why: 'another reason' }],
  })
  expect(mistakes.lasting()).toEqual([{ owner: 'docker a', mistake: other }])
})

test('a mistake that an earlier daemon has reported is shown, and not reported again', () => {
  const { reported, mistakes } = made()
  mistakes.restore('docker a', mistake)
  mistakes.add('docker a', mistake)
  expect([reported, mistakes.list().count]).toEqual([[], 1])
})

test('a mistake that is forgotten is not shown, but remains in the count', () => {
  const { mistakes } = made()
  mistakes.add('docker a', mistake)
  mistakes.add('docker b', mistake)
  expect(mistakes.forget(owner => owner === 'docker a')).toBe(true)
  expect(mistakes.forget(owner => owner === 'docker a')).toBe(false)
  expect(mistakes.list()).toEqual({ count: 2, present: [mistake] })
})

test('a restarted container has its mistake again, in its new namespace', () => {
  const { reported, mistakes } = made()
  const gone = { ...mistake, netns: { path: '/run/netns/none', inode: 1 } }
  mistakes.add('by hand a', gone)
  mistakes.add('by hand a', mistake)
  expect(reported).toEqual([gone, mistake])
  expect(mistakes.list().present).toEqual([mistake])
})
