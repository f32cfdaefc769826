import Conformance
import Foundation
import JSON
import TestSupport
import Testing

@Suite("conformance.rules")
struct RuleTests {
    @Test("docs/abi.md shows each rule as the checker has it")
    func documented() throws {
        let page = try String(contentsOfFile: "\(Repository.root)/docs/abi.md", encoding: .utf8)
        for rule in Rule.all {
            let row = "| \(rule.number) | \(rule.text) | \(rule.otherwise) | \(rule.keeper.rawValue) |"
            #expect(page.contains(row), "docs/abi.md lacks: \(row)")
        }
    }

    @Test("no two rules have one number")
    func unique() {
        #expect(Set(Rule.all.map(\.number)).count == Rule.all.count)
    }

    @Test("docs/schema holds the schemas that documents are checked with", arguments: DocumentSchema.all.map(\.name))
    func schemas(name: String) throws {
        let file = try JSON(parsing: Data(contentsOf: URL(filePath: "\(Repository.root)/docs/schema/\(name).json")))
        let known = try #require(DocumentSchema.all.first { $0.name == name })
        #expect(try JSON(parsing: known.text) == file)
        _ = try JSON.Schema(file)
    }
}
