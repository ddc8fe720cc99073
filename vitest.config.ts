/**
 * How the tests run: plain ones two files at a time, those with real servers one file at a time after them, and the long ones,
 * which `npm test` leaves out, by themselves.
 *
 * The one thing to understand: a pair of servers, its application and the function under test are four busy processes, and some tests
 * in `npm test` hold them to seconds. Those run one file at a time. The long ones mostly wait, for claims to run out and links to heal,
 * with deadlines of many seconds: two files at a time, and three of the scenarios, whose servers have hardly any load.
 */
import { defineConfig } from 'vitest/config'

const realServers = ['test/servers/**/*.test.ts', 'test/lab/pair*.test.ts']
const longTests = 'test/**/*.long.test.ts'
const scenarios = 'test/servers/scenarios/*.long.test.ts'
const deployTests = 'test/deploy/**/*.test.ts'
const setupFiles = ['test/end-on-signal.ts']

export default defineConfig({
  test: {
    // A process for each file: the lab cleans up when its process ends, and that must work in tests as it does elsewhere.
    pool: 'forks',
    maxWorkers: 2,
    allowOnly: false,
    projects: [
      {
        test: {
          name: 'plain',
          include: ['test/**/*.test.ts'],
          exclude: [...realServers, longTests, deployTests],
          setupFiles,
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'servers',
          include: realServers,
          exclude: [longTests],
          setupFiles,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'long',
          include: [longTests],
          exclude: [scenarios],
          setupFiles,
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'scenarios',
          include: [scenarios],
          setupFiles,
          testTimeout: 600_000,
          hookTimeout: 120_000,
          maxWorkers: 3,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'deploy',
          include: [deployTests],
          setupFiles,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
