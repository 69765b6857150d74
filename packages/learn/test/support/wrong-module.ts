/** Wrong modules for QEMU's card, which `vnet check --kernel` must refuse. */
import type { Result } from '../../src/exercise.ts'
import { checkModule, withChanged } from './kernel-module.ts'

/** Returns the first failure of a solution in which texts are replaced, with what was logged. */
export async function failureOf(
  exercise: string,
  ...changes: readonly (readonly [string, string])[]
): Promise<string> {
  const { status, results } = await withChanged(exercise, changes, file =>
    checkModule(exercise, file),
  )
  const failed = results.find(({ result }) => result === 'failed')
  if (status !== 1 || failed === undefined) return `passed: ${JSON.stringify(results)}`
  return textOf(failed)
}

const textOf = ({ seen, logged = [] }: Result): string => [seen, ...logged].join('\n')
