import { exercise } from '../../src/course/exercises/01-drop.ts'
import { testInMemory } from '../support/course.ts'

testInMemory(exercise)
