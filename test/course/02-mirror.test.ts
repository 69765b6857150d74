import { exercise } from '../../src/course/exercises/02-mirror.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
