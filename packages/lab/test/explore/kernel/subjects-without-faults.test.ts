/** The subjects of explore on links without faults, where no bug shows. */
import { expect } from 'vitest'
import { test } from '../../../src/vitest.ts'
import { subjects } from '../subjects.ts'

for (const { name, broken, fixed } of subjects) {
  test(`${name} passes on a link without faults, with its bug`, async ({ lab, signal }) => {
    await expect(broken({ lab, signal })).resolves.toBeUndefined()
  })

  test(`${name} passes on a link without faults, without its bug`, async ({ lab, signal }) => {
    await expect(fixed({ lab, signal })).resolves.toBeUndefined()
  })
}
