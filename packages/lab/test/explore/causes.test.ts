/** The subjects of explore under faults set by hand, which show that each bug is real. */
import { expect } from 'vitest'
import type { Lab } from '../../src/index.ts'
import { test } from '../../src/vitest.ts'
import type { SubjectFault } from './subject.ts'
import { subjects } from './subjects.ts'

/** Sets the faults on the cable that a scenario makes. Returns the lab. */
function withFaults(lab: Lab, faults: readonly SubjectFault[]): Lab {
  const cable = lab.cable.bind(lab)
  lab.cable = async (...args) => {
    const link = await cable(...args)
    for (const fault of faults) {
      const direction = link[fault.direction]
      if ('wire' in fault) {
        await direction.wire(fault.wire)
      } else {
        await direction.fault(fault.action, fault.filter, fault.when)
      }
    }
    return link
  }
  return lab
}

function textOf(fault: SubjectFault): string {
  if ('wire' in fault) return `${fault.direction} ${fault.wire}`
  const { direction, action, filter, when } = fault
  return `${direction} ${JSON.stringify([action, filter, when]).slice(1, -1)}`
}

for (const { name, cause } of subjects) {
  if (cause === undefined) continue

  test(`${name} fails with its bug under its cause`, async ({ lab, signal }) => {
    await expect(cause.broken({ lab, signal })).rejects.toThrow()
  })

  test(`${name} passes without its bug under its cause`, async ({ lab, signal }) => {
    await expect(cause.fixed({ lab, signal })).resolves.toBeUndefined()
  })
}

for (const { name, broken, fixed, faults = [] } of subjects) {
  for (const each of faults) {
    const text = each.map(textOf).join(' and ')

    test(`${name} fails with its bug under ${text}`, async ({ lab, signal }) => {
      await expect(broken({ lab: withFaults(lab, each), signal })).rejects.toThrow()
    })

    test(`${name} passes without its bug under ${text}`, async ({ lab, signal }) => {
      await expect(fixed({ lab: withFaults(lab, each), signal })).resolves.toBeUndefined()
    })
  }
}
