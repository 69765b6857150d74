/** The exercises, in their order. */
import type { Exercise } from '../exercise.ts'
import { exercise as drop } from './01-drop.ts'

export const exercises: readonly Exercise[] = [drop]
