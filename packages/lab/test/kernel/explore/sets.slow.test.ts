/** explore tries sets of faults, reduces the failing ones, and prints what repeats them. */
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { type ExploreOptions, type ExploreReport, explore } from '../../../src/index.ts'
import scenario from '../../support/explore/vote.mjs'

// A function, because no run waits for the start of a process.
const captures = fileDirectory()

const vote = (n: number) => `drop client-server ab udp client:* > server:5000 packet ${n}`
const exploreVotes = (options: ExploreOptions) =>
  explore(scenario, { faults: ['drop'], captures, ...options })

const faultsOf = ({ failures }: ExploreReport) => failures.map(({ faults }) => faults)
const filter = 'udp dst port 5000'

test('a packet that appears only after a fault is faulted at depth 2', async () => {
  const report = await exploreVotes({ depth: 2, filter })
  expect(
    report.points.filter(({ faults, verdict }) => faults.length === 1 && verdict === 'failed'),
  ).toEqual([])
  expect(faultsOf(report)).toEqual([[vote(3), vote(4)]])
  expect(report.failures[0]!.error).toContain('Error: counted one and two\n')
  const added = { name: vote(4).slice('drop '.length), after: vote(3) }
  expect(report.toJSON().packets).toContainEqual(expect.objectContaining(added))
  expect(String(report)).toContain(`after ${vote(3)}\n`)
}, 60_000)

test('all pairs are tried, and a burst that fails by the same two faults is one failure with the pair', async () => {
  const report = await exploreVotes({ bursts: [2], pairs: true, filter })
  expect(faultsOf(report)).toEqual([
    [vote(1), vote(2)],
    [vote(2), vote(3)],
  ])
  const { faults, points } = report.toJSON()
  expect(faults).toEqual(['drop', 'burst 2'])
  expect(
    points.flatMap(({ second, packet }) => (second === undefined ? [] : [[packet, second.packet]])),
  ).toEqual([
    [0, 1],
    [0, 2],
    [1, 2],
  ])
  expect(String(report)).toContain('3 pairs of faults: 2 failed, 0 skipped')
  const one = await exploreVotes({ pairs: true, filter, stopAt: 1 })
  expect([one.count('skipped'), one.points.length, one.size]).toEqual([2, 4, 6])
  expect(String(one)).toContain('3 pairs of faults: 1 failed, 2 skipped')
}, 60_000)

test('a burst is reduced to the two faults that are needed, and a wire repeats them', async () => {
  const { failures } = await exploreVotes({ bursts: [3], faults: ['duplicate'], filter })
  expect(failures).toMatchObject([
    {
      faults: [vote(2), vote(3)],
      from: 3,
      failed: 4,
      runs: 4,
      wireFailed: true,
      recordedFailed: true,
    },
  ])
  expect(failures[0]!.wire).toMatchObject([
    {
      wire: 'drop "udp dst port 5000" nth 3 | drop "udp dst port 5000" nth 2',
      code: [/nth: 3/, /nth: 2/].map(nth => expect.stringMatching(nth)),
    },
  ])
  expect(failures[0]!.captures).toEqual([expect.stringContaining(captures)])
}, 60_000)

test('a failure under random loss is reduced to the lost packets that are needed', async () => {
  // Only votes and answers take random numbers, so that the same seed loses the same ones.
  const options = { wire: 'match "udp" ( loss 60% )', seed: 2, captures }
  const shrunk = await explore.shrink(scenario, options)
  expect(shrunk.failure.faults).toHaveLength(2)
  expect(shrunk.lost).toBeGreaterThan(2)
  expect(String(shrunk)).toMatch(/\n\d lost packets were reduced to 2 in \d+ runs$/)
  await expect(explore.repeat(scenario, shrunk.failure.faults)).rejects.toThrow('Error: counted')
  await expect(explore.shrink(scenario, { ...options, wire: 'loss 0%' })).rejects.toThrow(
    'the run with this wire and seed 2 has passed: there is nothing to shrink',
  )
}, 60_000)
