import { exercise } from '../../src/course/exercises/09-offloads.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
