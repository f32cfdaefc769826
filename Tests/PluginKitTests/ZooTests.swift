import Foundation
import TestSupport
import Testing

@Suite("zoo")
struct ZooTests {
    @Test("every driver of the zoo builds", arguments: Zoo.allCases)
    func builds(zoo: Zoo) throws {
        let path = try zoo.build()
        let head = try #require(FileHandle(forReadingAtPath: path)).readData(ofLength: 4)
        #expect(head == Data([0x7F, 0x45, 0x4C, 0x46]))
    }

    @Test("a second build of the same driver is the first")
    func cached() throws {
        #expect(try Zoo.good.build() == Zoo.good.build())
    }
}
