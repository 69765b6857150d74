import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory, written } from '#support/fresh-directory.ts'

const directory = freshDirectory()

test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
  'a bench that %s ends leaves no process in its namespaces',
  async signal => {
    const program = written(
      directory,
      'bench.mjs',
      `import { isolated } from '${resolve('bench/isolated.mjs')}'
     await isolated('bench', '', () => ({}), async () => {
       console.log('pid ' + process.pid)
       await new Promise(resolve => setTimeout(resolve, 600_000))
     })`,
    )
    const bench = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    // Process 1 of its namespace.
    expect(String(await once(bench.stdout, 'data'))).toBe('pid 1\n')
    bench.kill(signal)
    // Not before: each process that remains has the other end.
    bench.stdout.resume()
    expect(await once(bench, 'close')).toEqual([null, signal])
  },
)
