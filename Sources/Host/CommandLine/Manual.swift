import Model

/// The manual page `berth(1)`, from the table of commands.
struct Manual {
    let commands: [any Command.Type]

    var roff: String {
        var lines = [
            ".TH BERTH 1 \"\" \"Berth \(berthVersion)\" \"User commands\"",
            ".SH NAME", "berth \\- a host for cloud and hypervisor drivers",
            ".SH SYNOPSIS", ".B berth", ".I COMMAND", "[\\fIOPTION\\fR]...",
            ".SH DESCRIPTION",
            "Berth loads drivers of clouds and hypervisors as shared libraries and gives out their machines as leases.",
            ".B berth serve", "runs a host; most other commands talk to one.",
            ".SH COMMANDS",
        ]
        for command in commands where !command.isHidden {
            lines += [".SS " + Manual.escape("berth \(command.name) \(command.usage)"), Manual.escape(command.summary)]
            lines += Manual.list(command.options)
            lines += [".PP", "Example:", ".B " + Manual.escape(command.example)]
        }
        lines += [".SH \"EVERY COMMAND UNDERSTANDS\""] + Manual.list(OptionSpec.global)
        lines += [".SH \"EXIT STATUS\""]
        for (code, meaning) in [
            (0, "done"), (1, "the thing failed"), (2, "wrong usage or configuration"), (3, "the host cannot be reached"),
        ] {
            lines += [".TP", ".B \(code)", meaning]
        }
        return lines.joined(separator: "\n")
    }

    private static func list(_ options: [OptionSpec]) -> [String] {
        options.flatMap { option in
            let names = option.names.map { "\\fB\(escape($0))\\fR" }.joined(separator: ", ")
            return [".TP", names + (option.value.map { " \\fI\(escape($0))\\fR" } ?? ""), escape(option.help)]
        }
    }

    private static func escape(_ text: String) -> String {
        let plain = text.unicodeScalars.reduce(into: "") { plain, scalar in
            switch scalar {
            case "\\": plain += "\\e"
            case "-": plain += "\\-"
            case _ where scalar.isASCII: plain.unicodeScalars.append(scalar)
            default: plain += "\\[u" + String(repeating: "0", count: max(0, 4 - hex(scalar).count)) + hex(scalar) + "]"
            }
        }
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }

    private static func hex(_ scalar: Unicode.Scalar) -> String { String(scalar.value, radix: 16, uppercase: true) }
}
