import TestSupport
import Testing

/// What `make install` gives to shells and to man.
@Suite("completion and the manual page")
struct ShellTests {
    private func complete(_ words: String) throws -> String {
        let script = """
            source <("$0" completion bash)
            COMP_WORDS=(berth \(words)); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _berth; echo "${COMPREPLY[@]}"
            """
        let result = try Execution.run("/bin/bash", ["-c", script, Products.berth])
        #expect(result.standardError.isEmpty)
        return result.standardOutput.trimmingCharacters()
    }

    @Test("words of commands are completed, and only such as may follow")
    func words() throws {
        #expect(try complete("ledger b") == "backup")
        #expect(try complete("lease sus") == "suspend")
        #expect(try complete("--host lease ledger ch") == "check")
    }

    @Test("options are completed, a command's own and those of every command")
    func options() throws {
        #expect(try complete("lease create --dry") == "--dry-run")
        #expect(try complete("ledger check --state") == "--state-dir")
    }

    @Test("another shell than bash and zsh is wrong usage")
    func otherShell() throws {
        #expect(try Execution.run(Products.berth, ["completion", "fish"]).status == .exited(2))
    }

    @Test("the manual page is ASCII, and names every command")
    func manual() throws {
        let page = try Execution.run(Products.berth, ["manual"]).standardOutput
        #expect(page.utf8.allSatisfy { $0 < 0x80 })
        #expect(page.contains(".SS berth lease create ") && page.contains("\\-\\-dry\\-run"))
    }
}

extension String {
    fileprivate func trimmingCharacters() -> String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
