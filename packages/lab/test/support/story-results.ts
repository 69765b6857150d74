/** The results of written tests. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Consumer } from '#support/consumer.ts'

interface FileResult {
  readonly name: string
  readonly message: string
  readonly assertionResults: readonly {
    readonly status: string
    readonly failureMessages: readonly string[]
  }[]
}

/** Runs test files, or all. Returns the status of each test, or the first lines of its failure. */
export function vitestResults(
  consumer: Consumer,
  files: readonly string[],
): Readonly<Record<string, string>> {
  const options = [
    '--no-isolate',
    '--no-file-parallelism',
    '--reporter=json',
    '--outputFile.json=out.json',
  ]
  consumer.vitest([...files, ...options], { env: { VNET_WORLD: '' }, timeout: 300_000 })
  const { testResults } = JSON.parse(readFileSync(join(consumer.directory, 'out.json'), 'utf8'))
  const results = (testResults as readonly FileResult[]).map(
    ({ name, message, assertionResults: [result] }) => {
      const failure = result?.failureMessages[0]?.split('\n').slice(0, 3).join('\n')
      return [name.split('/').at(-1) as string, failure ?? result?.status ?? message] as const
    },
  )
  return Object.fromEntries(results)
}
