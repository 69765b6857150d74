/**
 * A process that runs cases against mutants. Its arguments are the runner and the folder of the
 * cases. A message has the file of a stack, the name of a world around it if it is legal, and the
 * number of the first case. The replies are the
 * number of each case before it runs, why it failed, and the end.
 */
import { pathToFileURL } from 'node:url'

const [, , runner, folder] = process.argv
const { readCases, failureOf } = await import(pathToFileURL(runner).href)
const cases = readCases(folder)

process.on('message', async ({ stack, world, first }) => {
  const { MemoryWorld } = await import(pathToFileURL(stack).href)
  for (let i = first; i < cases.length; i++) {
    process.send({ runs: i })
    const reason = await failureOf(cases[i], MemoryWorld, world)
    if (reason !== undefined) {
      process.send({ fails: i, reason })
    }
  }
  process.send({ isEnd: true })
})
