/** Runs of explore that fail, and the diagrams of their reports. */
import { expect } from 'vitest'
import type { RunSpan } from '../../src/explore/result.ts'
import { type ExploreReport, explore, type LabScenario } from '../../src/index.ts'
import { echoDatagrams } from './echo.ts'

/** A client that asks three questions, one each second. The server's reply takes 10 ms. */
export const asking: LabScenario = async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'delay 5ms' })
  await server.start(echoDatagrams)
  const socket = await client.createSocket('udp4')
  let replies = 0
  socket.on('message', () => replies++)
  for (let question = 1; question <= 3; question++) {
    socket.send(`question ${question}`, 5000, 'server')
    await lab.sleep('1s')
  }
  expect(replies).toBe(3)
}

export const exploreOne = async (
  fault: string,
  filter = 'udp dst port 5000',
): Promise<ExploreReport> => {
  return explore(asking, { world: 'memory', captures: false, faults: [fault], filter, stopAt: 1 })
}

/** Explores with one fault, and checks the report like `checkSpan`. */
export async function checkReport(
  fault: string,
  wanted: Partial<RunSpan>,
  line: string,
): Promise<void> {
  checkSpan(await exploreOne(fault), wanted, line)
}

/** Checks that a report has the span of the fault, and a line about it. */
export function checkSpan(report: ExploreReport, wanted: Partial<RunSpan>, line: string): void {
  const span = { link: 'client-server', from: 0, ...wanted }
  expect(report.failures.map(({ run }) => run?.spans)).toEqual([[expect.objectContaining(span)]])
  expect(String(report).split('\n')).toContain(`  ${line}`)
}

/** Returns the rows of the diagram: their text, and the bars as [class, x, y, height]. */
export function rowsOf(page: string): [string, ...string[]][] {
  const [, diagram = ''] = /class="diagram run".*?<ol[^>]*>(.*?)<\/ol>/s.exec(page) ?? []
  return [...diagram.matchAll(/<li.*?<\/li>/gs)].map(([row]) => {
    const bars = [
      ...row.matchAll(/<rect class="([^"]*)" x="(\d+)" y="(\d+)" width="\d+" height="(\d+)"/g),
    ]
    const text = row
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
    return [text, ...bars.map(bar => bar.slice(1).join(' '))]
  })
}
