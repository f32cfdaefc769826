import PluginKit

extension OpenStack {
    /// `config.*` of a provider's section.
    static let settings: [Setting] = [
        .string("cloud", "a cloud of clouds.yaml; settings here come first"),
        .string("clouds_file", "the clouds.yaml to read; else ./, ~/.config/openstack/, /etc/openstack/"),
        .string("auth_url", "Keystone's address, such as https://cloud.example:5000/v3"),
        .string("username", "who logs in"),
        .string("user_id", "instead of username and user_domain"),
        .string("user_domain", "the user's domain; Default if nothing is said"),
        .string("user_domain_id", "instead of user_domain"),
        .string("password", "by reference: @file:… or @env:…"),
        .string("application_credential_id", "instead of a user and a password"),
        .string("application_credential_name", "with username, instead of the id"),
        .string("application_credential_secret", "by reference: @file:… or @env:…"),
        .string("token", "a token that is there already; it cannot be renewed for ever"),
        .string("project", "the project that machines are made in"),
        .string("project_id", "instead of project and project_domain"),
        .string("project_domain", "the project's domain; Default if nothing is said"),
        .string("project_domain_id", "instead of project_domain"),
        .string("domain", "scope of a whole domain, where there is no project"),
        .string("domain_id", "instead of domain"),
        .string("region", "where the catalog has several"),
        .string("interface", "which of the catalog's addresses: public (default), internal, admin"),
        .object(
            "endpoints", "addresses that count more than the catalog's",
            [
                .string("compute", "Nova, with its version"), .string("image", "Glance"), .string("network", "Neutron"),
                .string("volume", "Cinder"),
            ]),
        .string("cacert", "a file of certificates to trust instead of the system's"),
        .string("cert", "a client certificate (PEM)"),
        .string("key", "its key (PEM)"),
        .boolean("insecure", "believe any certificate: for a laboratory only", default: false),
        .strings("networks", "for machines that name none; without this they get no network"),
        .strings("security_groups", "for every machine"),
        .string("availability_zone", "for machines that name no node"),
        .boolean("boot_from_volume", "make a volume of the image for each machine", default: false),
        .integer("volume_gib", "size of that volume; else the machine's disk", minimum: 1),
        .string("floating_network", "where openstack.attach-address takes addresses from"),
        .integer("settle_s", "how long create waits for a server to leave BUILD", default: 20, minimum: 0, maximum: 3600),
        .integer("connect_s", "how long a connection may take to stand", default: 10, minimum: 1, maximum: 600),
        .integer("stall_s", "how long a service may say nothing before it counts as gone", default: 60, minimum: 1, maximum: 3600),
        .integer("poll_s", "how often changes are looked for; 0: never", default: 10, minimum: 0, maximum: 3600),
        .string("record", "a folder for a copy of each exchange, for tests; secrets are replaced"),
    ]
}
