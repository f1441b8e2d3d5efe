// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

@_exported public import Proton
@_exported public import ProtonBroker
