/** The report of `vnet conform`: its exit status, and failures that may be consequences. */
import { expect, test } from 'vitest'
import { MemoryWorld } from '../../inet/test/tcp-conformance/memory-world.ts'
import {
  asJson,
  asText,
  countsOf,
  junitXml,
  type Result,
  whyNothing,
} from '../src/commands/conform-report.ts'
import { parseCases } from '../src/notation.ts'
import { Run } from '../src/run.ts'
import { CaseFailure } from '../src/run-case.ts'

const failure = new CaseFailure(
  'some ack 1',
  new Run(new MemoryWorld(4, {}, false), 4),
  new Error('no reply'),
)

function result(level: string, more: Partial<Result> = {}): Result {
  const [one] = parseCases(`case name: title\n    ${level} RFC 791, 3.2\n    ping`)
  if (one === undefined) throw new Error('there is no case')
  return {
    ...{
      group: 'group',
      one,
      skipped: undefined,
      failure,
      capture: 'file',
      after: undefined,
      isFatal: false,
    },
    ...more,
  }
}

test('a case that ends the host is a failure at each level', () => {
  for (const level of ['must', 'should', 'may']) {
    const fatal = result(level, { isFatal: true })
    expect(asText(fatal)).toMatch(/^FAILED name: /)
    expect(countsOf([fatal])).toMatchObject({ failedMust: 1, failedOther: 0 })
    expect(junitXml([fatal])).toContain('failures="1"')
    expect(asJson(fatal)).toMatchObject({ isFatal: true })
  }
  expect(asText(result('should'))).toMatch(/^differs name: /)
  expect(countsOf([result('should')])).toMatchObject({ failedMust: 0, failedOther: 1 })
})

test('a failure names an earlier one that may be its cause', () => {
  const late = result('must', { after: 'fragments-protocol' })
  expect(asText(late)).toContain(
    '; the host may still hold fragments of fragments-protocol: see --only name',
  )
  expect(asJson(late)).toMatchObject({ after: 'fragments-protocol' })
  expect(asText(result('must'))).not.toContain('may still hold')
})

test('a run that skips each case has a problem, with each reason once', () => {
  const skipped = (reason: string) => result('must', { failure: undefined, skipped: reason })
  const all = [skipped('it takes a minute: --slow'), skipped('no address'), skipped('no address')]
  expect(whyNothing(all)).toBe('no case ran: it takes a minute: --slow; no address')
  expect(whyNothing([...all, result('may')])).toBeUndefined()
})
