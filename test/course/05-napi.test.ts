import { exercise } from '../../src/course/exercises/05-napi.ts'
import { testInMemory } from '../support/course.ts'

await testInMemory(exercise)
