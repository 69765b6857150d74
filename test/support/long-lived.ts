/** Open descriptors of a process that runs for days, before and after its visitors. */
import { expect } from 'vitest'
import { openFiles } from './open-files.ts'

export const VISITS = 50

/** The number of open descriptors of a process, and of network namespaces among them. */
function opened(pid: number) {
  const files = openFiles(`/proc/${pid}/fd`)
  return {
    descriptors: files.length,
    namespaces: files.filter(file => file.startsWith('net:[')).length,
  }
}

/** Visits a process once, so that it has what it opens once, then again and again. */
export async function staysAsItIs(
  pid: number,
  visit: (nth: number) => Promise<void>,
  visits = VISITS,
): Promise<void> {
  await visit(0)
  // The first visit may still have something open: the least is what remains.
  let before = opened(pid)
  for (let nth = 1; nth <= visits; nth++) {
    await visit(nth)
    const now = opened(pid)
    if (now.descriptors < before.descriptors) {
      before = now
    }
  }
  // What every visit still had open may be closed now, which is less than before.
  const leftOpen = () => {
    const now = opened(pid)
    return now.descriptors <= before.descriptors && now.namespaces <= before.namespaces ? [] : now
  }
  await expect.poll(leftOpen, { timeout: 60_000 }).toEqual([])
}
