/** Waits until other processes see a lab. */
import { expect } from 'vitest'
import { type RunningLab, runningLabs } from '../../packages/lab/src/commands/running-labs.ts'

/** Settles when the labs that run satisfy `enough`. Returns them. */
export async function labsUntil(
  enough: (labs: readonly RunningLab[]) => boolean,
): Promise<readonly RunningLab[]> {
  let labs: readonly RunningLab[] = []
  const look = () => {
    labs = runningLabs()
    return enough(labs)
  }
  await expect.poll(look).toBe(true)
  return labs
}

/** Settles when a lab of this name has so many interfaces. */
export async function seen(name: string, interfaces = 2): Promise<void> {
  await labsUntil(labs => {
    const hosts = labs.find(lab => lab.name === name)?.hosts.values() ?? []
    return [...hosts].flat().length === interfaces
  })
}
