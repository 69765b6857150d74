/** `vnet learn`: lists the exercises of the course, and writes the files of one. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from 'vnet'
import { TestBed } from 'vnet/kit/bed'
import { alignLeft, EXIT_OK, type Io, loadDriver } from 'vnet/kit/cli'
import type { Exercise } from '../exercise.ts'
import {
  courseDirectory,
  exerciseNamed,
  stateIn,
  type Written,
  writeExercise,
  writeNew,
  writePage,
} from '../folder.ts'
import { skeletonOf } from '../kernel/skeleton.ts'
import { cFileOf } from './check-kernel.ts'
import { loadExercises } from './exercise-file.ts'

interface LearnOptions {
  readonly json: boolean | undefined
  readonly kernel: boolean | undefined
  readonly from: string | undefined
}

/**
 * Lists the exercises, or writes the files of one. Existing files are not changed. Returns the exit
 * status.
 */
export async function learn(
  name: string | undefined,
  options: LearnOptions,
  io: Io,
): Promise<number> {
  const { json = false, from } = options
  const exercises = await loadExercises(from)
  const source = from === undefined ? '' : ` --from ${from}`
  if (name === undefined) {
    if (options.kernel) {
      throw new UsageError('learn: --kernel writes the module of an EXERCISE: name one')
    }
    listExercises(exercises, source, json, io)
    return EXIT_OK
  }
  const exercise = exerciseNamed(name, exercises)
  if (exercise === undefined) {
    throw new UsageError(`learn: no exercise '${name}'; vnet learn${source} lists them`)
  }
  const parent = courseDirectory(exercises)
  const written = options.kernel
    ? await writeModule(parent, exercise)
    : writeExercise(parent, exercise)
  if (json) {
    io.out(`${JSON.stringify({ exercise: exercise.name, files: written })}\n`)
  } else {
    io.out(`${exercise.title}\n`)
    const lines = written.map(({ path, isNew }) => [
      `  ${path}`,
      isNew ? '' : 'exists and stays as it is',
    ])
    for (const line of alignLeft(lines)) {
      io.out(`${line}\n`)
    }
    const directory = join(parent, exercise.name)
    const [file, flag] = options.kernel ? [cFileOf(exercise), ' --kernel'] : [exercise.driver, '']
    const check = `vnet check${flag}${source} ${exercise.name}`
    io.out(`Read ${directory}/README.md, fill in ${directory}/${file}, then: ${check}\n`)
  }
  return EXIT_OK
}

/** Writes the skeleton of a module in C, and the page, which the learner reads first. */
async function writeModule(parent: string, exercise: Exercise): Promise<Written[]> {
  const path = join(parent, exercise.name, cFileOf(exercise))
  const own = join(exercise.directory, 'kernel/skeleton.c')
  if (existsSync(own)) {
    return [...writePage(parent, exercise), writeNew(path, readFileSync(own, 'utf8'))]
  }
  const skeleton = join(exercise.directory, exercise.driver)
  const driver = await loadDriver(skeleton)
  const bed = await TestBed.make(driver, {}, {})
  try {
    const title = `${Number.parseInt(exercise.name, 10)}. ${exercise.title}`
    const text = skeletonOf({
      title,
      driver,
      devices: bed.devices,
      text: readFileSync(skeleton, 'utf8'),
    })
    return [...writePage(parent, exercise), writeNew(path, text)]
  } finally {
    await bed.close()
  }
}

function listExercises(
  exercises: readonly Exercise[],
  source: string,
  json: boolean,
  io: Io,
): void {
  const parent = courseDirectory(exercises)
  const all = exercises.map(exercise => ({ exercise, state: stateIn(parent, exercise) }))
  if (json) {
    for (const { exercise, state } of all) {
      const { name, title, summary, kernelNames } = exercise
      io.out(`${JSON.stringify({ name, title, summary, kernelNames, state })}\n`)
    }
    return
  }
  for (const line of alignLeft(
    all.map(({ exercise, state }) => [exercise.name, state, exercise.summary]),
  )) {
    io.out(`${line}\n`)
  }
  const next =
    all.find(({ state }) => state === 'begun') ?? all.find(({ state }) => state === 'new')
  if (next === undefined) {
    io.out('All are done.\n')
  } else {
    io.out(
      `Next: vnet ${next.state === 'new' ? 'learn' : 'check'}${source} ${next.exercise.name}\n`,
    )
  }
}
